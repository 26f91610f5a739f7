use deferrous::Trigger;

type Any = for<'a> fn(&'a u8);
type Static = fn(&'static u8);

fn widened(trigger: Trigger<Static>) -> Trigger<Any> {
    trigger
}

fn main() {
    let _ = widened;
}
