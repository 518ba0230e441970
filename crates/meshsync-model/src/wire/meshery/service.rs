//! `component_metadata` of a Service: the URLs it can be reached at.

use std::borrow::Cow;

use super::{Fidelity, number};
use crate::text::{ElementIter, JsonStr, member_of};

/// The port that is spoken to in https.
const HTTPS_PORT: i64 = 443;

#[derive(PartialEq, Eq)]
struct Endpoint<'a> {
    address: Cow<'a, str>,
    port: i64,
}

/// Appends the component metadata of a Service that is there.
///
/// The original dials an external address before it names it, and gives up on
/// all of the metadata when nobody answers. Nothing is dialled here: the exact
/// dialect answers as if nobody did, the corrected one names the address.
pub(super) fn push(
    out: &mut Vec<u8>,
    fidelity: Fidelity,
    spec: Option<&str>,
    status: Option<&str>,
) {
    let spec = spec.unwrap_or_default();
    let last_port = member_of(spec, "ports")
        .and_then(ElementIter::of_array)
        .and_then(Iterator::last)
        .unwrap_or_default();
    let internal = Endpoint {
        address: text_of(spec, "clusterIP"),
        port: integer_of(last_port, "port"),
    };
    let external = external(&internal, integer_of(last_port, "nodePort"), status);
    if fidelity == Fidelity::Exact && external.port != 0 && external.address != "localhost" {
        out.extend_from_slice(b"null");
        return;
    }
    out.extend_from_slice(b"{\"capabilities\":{\"connection\":true,\"urls\":[");
    let start = out.len();
    if external.port != 0 {
        external.push_url(out, start);
    }
    internal.push_url(out, start);
    out.extend_from_slice(b"]}}");
}

fn external<'a>(internal: &Endpoint<'a>, node_port: i64, status: Option<&'a str>) -> Endpoint<'a> {
    let ingress = status
        .and_then(|status| member_of(status, "loadBalancer"))
        .and_then(|balancer| member_of(balancer, "ingress"))
        .and_then(ElementIter::of_array)
        .and_then(|mut ingress| ingress.next());
    let Some(ingress) = ingress else {
        return Endpoint {
            address: Cow::Borrowed("localhost"),
            port: node_port,
        };
    };
    let ip = text_of(ingress, "ip");
    let address = match &*ip {
        "" => text_of(ingress, "hostname"),
        "<pending>" => internal.address.clone(),
        _ => ip,
    };
    Endpoint {
        address,
        port: internal.port,
    }
}

impl Endpoint<'_> {
    /// Appends the URL to the list that starts at `list`, unless the address is
    /// `None`, as that of a headless Service is, or makes no valid URL.
    fn push_url(&self, out: &mut Vec<u8>, list: usize) {
        let address = self.address.as_bytes();
        let none = address
            .windows(4)
            .any(|part| part.eq_ignore_ascii_case(b"none"));
        // An address of IPv6 is not put in brackets by the original and so makes
        // no URL.
        let valid = address
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
        if none || !valid {
            return;
        }
        if out.len() > list {
            out.push(b',');
        }
        let scheme: &[u8] = if self.port == HTTPS_PORT {
            b"\"https://"
        } else {
            b"\"http://"
        };
        out.extend_from_slice(scheme);
        out.extend_from_slice(address);
        out.push(b':');
        out.extend_from_slice(itoa::Buffer::new().format(self.port).as_bytes());
        out.push(b'"');
    }
}

fn text_of<'a>(raw: &'a str, name: &str) -> Cow<'a, str> {
    member_of(raw, name)
        .and_then(JsonStr::new)
        .map_or(Cow::Borrowed(""), JsonStr::decode)
}

fn integer_of(raw: &str, name: &str) -> i64 {
    member_of(raw, name)
        .and_then(number::integer)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fidelity: Fidelity, spec: &str, status: &str, urls: Option<&str>) {
        let mut out = Vec::new();
        push(&mut out, fidelity, Some(spec), Some(status));
        let expected = urls.map_or_else(
            || "null".to_owned(),
            |urls| format!("{{\"capabilities\":{{\"connection\":true,\"urls\":{urls}}}}}"),
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{spec} {status}");
    }

    #[test]
    fn urls_follow_the_original() {
        for (spec, urls) in [
            (
                r#"{"clusterIP":"10.0.0.1","ports":[{"port":80},{"port":443}]}"#,
                r#"["https://10.0.0.1:443"]"#,
            ),
            (r#"{"clusterIP":"None","ports":[{"port":80}]}"#, "[]"),
            (
                r#"{"clusterIP":"10.0.0.1","ports":[{"port":80,"nodePort":30080}]}"#,
                r#"["http://localhost:30080","http://10.0.0.1:80"]"#,
            ),
            (
                r#"{"type":"ExternalName","externalName":"x"}"#,
                r#"["http://:0"]"#,
            ),
            (r#"{"clusterIP":"fd00::1","ports":[{"port":80}]}"#, "[]"),
            (r#"{"clusterIP":5,"ports":"x"}"#, r#"["http://:0"]"#),
            ("\"text\"", r#"["http://:0"]"#),
        ] {
            check(Fidelity::Exact, spec, r#"{"loadBalancer":{}}"#, Some(urls));
            check(
                Fidelity::Corrected,
                spec,
                r#"{"loadBalancer":{}}"#,
                Some(urls),
            );
        }
    }

    #[test]
    fn a_load_balancer_is_named_without_dialling_it() {
        let spec = r#"{"clusterIP":"10.0.0.1","ports":[{"port":443,"nodePort":30443}]}"#;
        for (ingress, external) in [
            (r#"{"ip":"1.2.3.4"}"#, r#""https://1.2.3.4:443","#),
            (
                r#"{"hostname":"lb.example.com"}"#,
                r#""https://lb.example.com:443","#,
            ),
            (r#"{"ip":"<pending>"}"#, r#""https://10.0.0.1:443","#),
            (r#"{"hostname":"none.example.com"}"#, ""),
            (r#"{"hostname":"a\"b"}"#, ""),
        ] {
            let status = format!(r#"{{"loadBalancer":{{"ingress":[{ingress}]}}}}"#);
            check(Fidelity::Exact, spec, &status, None);
            let urls = format!(r#"[{external}"https://10.0.0.1:443"]"#);
            check(Fidelity::Corrected, spec, &status, Some(&urls));
        }
        let local = r#"{"loadBalancer":{"ingress":[{"hostname":"localhost"}]}}"#;
        let urls = r#"["https://localhost:443","https://10.0.0.1:443"]"#;
        check(Fidelity::Exact, spec, local, Some(urls));
    }
}
