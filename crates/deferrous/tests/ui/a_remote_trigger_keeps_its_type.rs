use deferrous::RemoteTrigger;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn widened(trigger: RemoteTrigger<Static>) -> RemoteTrigger<Any> {
    trigger
}

fn main() {
    let _ = widened;
}
