use deferrous::{Cancelled, Deferred, deferred, succeed};

fn main() {
    let (trigger, d) = deferred::<u8>();
    let d: Deferred<String> = d
        .map(|n| n + 1)
        .add_callback(|n| Ok(n * 2))
        .add_callback(|n| succeed(n.to_string()))
        .add_errback(|failure| {
            failure.trap::<Cancelled>()?;
            Ok(String::new())
        });
    trigger.callback(1).unwrap();
    assert_eq!(d.into_result().unwrap().unwrap(), "4");
}
