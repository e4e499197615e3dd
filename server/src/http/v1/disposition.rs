//! `Content-Disposition`, both ways: what the parts of a form are called, and what a download is saved as.

use super::query::percent_decode;
use crate::domain::{Error, Result};
use axum::http::{HeaderMap, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unencoded in an extended value (RFC 5987, `attr-char`).
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// What the head of a part says about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The name of the field, as bytes: it is only compared.
    pub(super) name: Vec<u8>,
    filename: Option<FileName>,
}

#[derive(Debug, PartialEq, Eq)]
enum FileName {
    /// `filename="a%2Fb"`: URL-encoded by the contract.
    Plain(Vec<u8>),
    /// `filename*=UTF-8''a%2Fb` (RFC 5987), which some libraries send on their own for names that are not ASCII.
    Extended(Vec<u8>),
}

impl PartHead {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut head = Self::default();
        let Some(value) = headers.get(header::CONTENT_DISPOSITION) else { return head };
        for (name, value) in parameters(value.as_bytes()) {
            match name.as_slice() {
                b"name" => head.name = value,
                b"filename*" => head.filename = Some(FileName::Extended(value)),
                b"filename" if !matches!(head.filename, Some(FileName::Extended(_))) => {
                    head.filename = Some(FileName::Plain(value));
                }
                _ => {}
            }
        }
        head
    }

    /// The decoded file name, which is the path of an object. `field` names the part in errors.
    pub(super) fn path(&self, field: &str) -> Result<String> {
        let invalid = |reason: String| Error::invalid(format!("{field}.filename"), reason);
        match &self.filename {
            None => Err(invalid("is missing; it must be the URL-encoded path of the object".to_owned())),
            Some(FileName::Plain(raw)) => Ok(percent_decode(raw).map_err(invalid)?.into_owned()),
            Some(FileName::Extended(raw)) => extended(raw).map_err(invalid),
        }
    }
}

/// `charset'language'value`.
fn extended(raw: &[u8]) -> Result<String, String> {
    let mut parts = raw.splitn(3, |byte| *byte == b'\'');
    let (Some(charset), Some(_language), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("is not an extended value: it must be UTF-8'' and the URL-encoded path".to_owned());
    };
    if charset.eq_ignore_ascii_case(b"UTF-8") {
        Ok(percent_decode(value)?.into_owned())
    } else {
        Err(format!("must be in UTF-8, not in `{}`", charset.escape_ascii()))
    }
}

/// The parameters of a header such as `form-data; name="info"`, their names in lower case. What is no parameter is
/// passed over.
pub(super) fn parameters(value: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let mut rest = value.iter().position(|byte| *byte == b';').map_or(&[][..], |end| &value[end + 1..]);
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
            let name = rest[..end].trim_ascii().to_ascii_lowercase();
            let is_parameter = rest.get(end) == Some(&b'=');
            rest = rest.get(end + 1..).unwrap_or_default();
            if is_parameter {
                let (value, after) = parameter_value(rest.trim_ascii_start());
                rest = after;
                return Some((name, value));
            }
        }
        None
    })
}

/// Reads a quoted or plain value, and returns what follows its `;`.
fn parameter_value(raw: &[u8]) -> (Vec<u8>, &[u8]) {
    let after_semicolon = |text: &'_ [u8]| text.iter().position(|byte| *byte == b';').map(|at| at + 1);
    let Some(quoted) = raw.strip_prefix(b"\"") else {
        let end = after_semicolon(raw);
        let value = end.map_or(raw, |end| &raw[..end - 1]).trim_ascii();
        return (value.to_vec(), end.map_or(&[][..], |end| &raw[end..]));
    };
    let mut value = Vec::with_capacity(quoted.len());
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        match (byte, quoted.get(at + 1)) {
            (b'"', _) => break,
            // Only what clients escape: a lone backslash in a browser's file name is a backslash.
            (b'\\', Some(escaped @ (b'"' | b'\\'))) => {
                value.push(*escaped);
                at += 1;
            }
            (other, _) => value.push(*other),
        }
        at += 1;
    }
    let rest = quoted.get(at + 1..).unwrap_or_default();
    (value, after_semicolon(rest).map_or(&[][..], |end| &rest[end..]))
}

/// Tells a browser to save a download under `name`, whatever characters it holds: plain ASCII for the oldest, the
/// exact name for all others. Nothing of the name can end the header or its quotes.
pub(super) fn attachment(name: &str) -> HeaderValue {
    // `%` too: some browsers decode it in a plain name.
    let plain = |c: char| (c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%' | '/')) || c == ' ';
    let fallback: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    let text = if fallback == name {
        format!("attachment; filename=\"{fallback}\"")
    } else {
        format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXTENDED))
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head(value: &[u8]) -> PartHead {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_bytes(value).unwrap());
        PartHead::of(&headers)
    }

    fn path(value: &str) -> Result<String, String> {
        head(value.as_bytes()).path("files[0]").map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_read_as_clients_write_them() {
        for (value, name, file) in [
            (r#"form-data; name="files"; filename="a%2Fb.txt""#, "files", "a/b.txt"),
            (r#"form-data; filename="x;y=z"; name="files""#, "files", "x;y=z"),
            ("form-data; name=files; filename=plain.txt", "files", "plain.txt"),
            (r#"form-data;NAME = "files" ; FileName = "q""#, "files", "q"),
            (r#"form-data; name="files"; filename="say \"hi\" \\ now""#, "files", "say \"hi\" \\ now"),
            (r#"form-data; name="files"; filename="dir\file""#, "files", "dir\\file"),
            ("form-data; name=\"files\"; filename=\"你好.txt\"", "files", "你好.txt"),
            ("form-data; name=\"files\"; filename*=UTF-8''a%2F%E4%BD%A0", "files", "a/你"),
            ("form-data; name=\"files\"; filename=\"_\"; filename*=utf-8'en'%E4%BD%A0", "files", "你"),
            ("form-data; name=\"files\"; filename*=utf-8''x; filename=\"y\"", "files", "x"),
            (r#"form-data; name="files"; filename="a+b%2B""#, "files", "a+b+"),
            (r#"form-data; name="files"; filename="unclosed"#, "files", "unclosed"),
        ] {
            assert_eq!(head(value.as_bytes()).name, name.as_bytes(), "{value}");
            assert_eq!(path(value).unwrap(), file, "{value}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_name_is_told() {
        for (value, says) in [
            ("form-data; name=files", "files[0].filename: is missing"),
            ("form-data; name=files; filename=100%", "files[0].filename: is not valid URL encoding"),
            ("form-data; name=files; filename=%ff", "files[0].filename: is not UTF-8"),
            ("form-data; name=files; filename*=x", "files[0].filename: is not an extended value"),
            ("form-data; name=files; filename*=GBK''x", "files[0].filename: must be in UTF-8, not in `GBK`"),
        ] {
            assert!(path(value).unwrap_err().starts_with(says), "{value}");
        }
        let raw = head(b"form-data; name=files; filename=\"\xff\"");
        assert!(raw.path("files[0]").unwrap_err().to_string().contains("is not UTF-8"));
        assert_eq!(head(b"form-data").name, b"");
        assert_eq!(PartHead::of(&HeaderMap::new()), PartHead::default());
    }

    #[test]
    fn a_download_keeps_its_name() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(attachment("你.txt"), "attachment; filename=\"_.txt\"; filename*=UTF-8''%E4%BD%A0.txt");
        assert_eq!(attachment("\"\r\nX: y"), "attachment; filename=\"___X: y\"; filename*=UTF-8''%22%0D%0AX%3A%20y");
    }

    proptest! {
        #[test]
        fn no_header_makes_the_reader_panic(value in "[ -~\\t\\u{80}-\\u{ff}]{0,80}") {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_DISPOSITION, value);
                let _ = PartHead::of(&headers).path("files[0]");
            }
        }

        /// Whatever an object is called, the header is one header, and a reader of RFC 5987 finds the name again.
        #[test]
        fn any_name_survives_the_header(name in ".{1,40}") {
            let header = attachment(&name);
            prop_assert!(header.as_bytes().iter().all(|byte| (b' '..=b'~').contains(byte)));
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_DISPOSITION, header);
            let read = PartHead::of(&headers);
            match &read.filename {
                Some(FileName::Plain(plain)) => prop_assert_eq!(plain.as_slice(), name.as_bytes()),
                _ => prop_assert_eq!(read.path("x").unwrap(), name),
            }
        }
    }
}
