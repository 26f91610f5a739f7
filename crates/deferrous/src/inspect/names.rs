//! Names as people write them.

/// The function in which a closure or an `async` block is.
pub(super) fn function(type_name: &str) -> String {
    type_name.replace("::{{closure}}", "")
}

/// A type without the modules that its parts are from.
pub(super) fn short(type_name: &str) -> String {
    let mut text = String::with_capacity(type_name.len());
    let mut start = 0;
    let mut chars = type_name.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == ':' && type_name[at..].starts_with("::") {
            chars.next();
            text.truncate(start);
            continue;
        }
        text.push(char);
        if !(char.is_alphanumeric() || "_{}#".contains(char)) {
            start = text.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{function, short};

    #[test]
    fn types_lose_their_modules_and_keep_their_parts() {
        for (long, expected) in [
            ("u64", "u64"),
            ("()", "()"),
            ("alloc::string::String", "String"),
            (
                "core::result::Result<alloc::vec::Vec<u8>, std::io::error::Error>",
                "Result<Vec<u8>, Error>",
            ),
            ("&str", "&str"),
            ("[(a::B, c::d::E); 3]", "[(B, E); 3]"),
            ("dyn core::fmt::Debug", "dyn Debug"),
        ] {
            assert_eq!(short(long), expected);
        }
        assert_eq!(
            function("shop::serve::{{closure}}::{{closure}}"),
            "shop::serve"
        );
    }
}
