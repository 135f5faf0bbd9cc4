//! The parameters of a request's query.

/// The value of the parameter `name`, which must be in `query` exactly once; otherwise what is wrong.
pub fn only(name: &str, query: &str) -> Result<String, String> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter_map(|(key, value)| (key == name).then_some(value));
    let value = values.next().ok_or_else(|| format!("{name} is missing"))?;
    match values.count() {
        0 => Ok(value.into_owned()),
        more => Err(format!("{name} is given {} times", more + 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::only;
    use proptest::prelude::*;

    #[test]
    fn exactly_one_is_required() {
        assert_eq!(only("int", "int=4"), Ok("4".into()));
        assert_eq!(only("int", "a=1&%69nt=%2B5&b"), Ok("+5".into()));
        assert_eq!(only("int", "int"), Ok("".into()));
        assert_eq!(only("int", ""), Err("int is missing".into()));
        assert_eq!(only("int", "INT=4"), Err("int is missing".into()));
        assert_eq!(only("int", "int=4&int=4&int=4"), Err("int is given 3 times".into()));
    }

    proptest! {
        #[test]
        fn no_query_panics(query in ".{0,200}") {
            let _ = only("int", &query);
        }
    }
}
