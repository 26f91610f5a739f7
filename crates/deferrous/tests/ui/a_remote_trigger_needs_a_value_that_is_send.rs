use std::rc::Rc;

fn main() {
    let reactor = deferrous::Reactor::new().unwrap();
    let _ = reactor.remote_trigger::<Rc<u8>>();
}
