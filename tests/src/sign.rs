//! AWS Signature V4 as a client makes it, written from Amazon's description and sharing nothing with the server.

use crate::{Server, form::percent_encode, server::holdall};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::{fs, process::Output};

/// Signs requests of one credential.
#[derive(Debug, Clone)]
pub struct Signer {
    pub access_key: String,
    pub secret: String,
    pub region: String,
    pub service: String,
    /// What this signer's clock shows; the present when `None`.
    pub clock: Option<jiff::Timestamp>,
}

/// The hash of a body, as a signer names it.
pub fn hash(body: impl AsRef<[u8]>) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(body.as_ref()))
}

impl Signer {
    pub fn new(access_key: &str, secret: &str) -> Self {
        Self {
            access_key: access_key.to_owned(),
            secret: secret.to_owned(),
            region: "any".to_owned(),
            service: "jcs".to_owned(),
            clock: None,
        }
    }

    /// The first credential of a server.
    pub fn first(server: &Server) -> Self {
        let text = fs::read_to_string(server.data().join("credentials.toml")).unwrap();
        Self::new(&value(&text, "access_key"), &value(&text, "secret_key"))
    }

    /// A new credential of a running server.
    pub fn create(server: &Server, name: &str) -> Self {
        let made = credential(server, &["create", "--name", name]);
        assert!(made.status.success(), "{made:?}");
        let text = String::from_utf8(made.stdout).unwrap();
        Self::new(&value(&text, "access_key"), &value(&text, "secret_key"))
    }

    /// This signer as it signs for S3.
    pub fn for_s3(self) -> Self {
        Self { region: "us-east-1".to_owned(), service: "s3".to_owned(), ..self }
    }

    /// This signer with its clock set off by so many seconds.
    pub fn off_by(mut self, seconds: i64) -> Self {
        self.clock = Some(jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds));
        self
    }

    /// `X-Amz-Date` and `Authorization` for a request that sends these headers (names in lower case, in order).
    pub fn headers(
        &self,
        method: &str,
        path_and_query: &str,
        headers: &[(&str, &str)],
        payload: &str,
    ) -> [(String, String); 2] {
        let time = self.time();
        let mut all: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.push(("x-amz-date".to_owned(), time.clone()));
        all.sort();
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
        pairs.sort_unstable();
        let signature = self.signature(&time, method, path, &pairs.join("&"), &all, payload);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.access_key,
            self.scope(&time),
            names.join(";")
        );
        [("x-amz-date".to_owned(), time), ("authorization".to_owned(), authorization)]
    }

    /// The path and query of a presigned link.
    pub fn link(&self, method: &str, host: &str, path: &str, parameters: &[(&str, &str)], expires: i64) -> String {
        // S3 has its own name for the life of a link, and its own word for a body that nobody hashed.
        let (life, payload) =
            if self.service == "s3" { ("X-Amz-Expires", "UNSIGNED-PAYLOAD") } else { ("X-Expires", "") };
        let time = self.time();
        let credential = format!("{}/{}", self.access_key, self.scope(&time));
        let expires = expires.to_string();
        let mut pairs: Vec<(String, String)> = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", credential.as_str()),
            ("X-Amz-Date", &time),
            ("X-Amz-SignedHeaders", "host"),
            (life, &expires),
        ]
        .iter()
        .chain(parameters)
        .map(|(name, value)| (percent_encode(name), percent_encode(value)))
        .collect();
        pairs.sort();
        let query: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = query.join("&");
        let headers = [("host".to_owned(), host.to_owned())];
        let signature = self.signature(&time, method, path, &query, &headers, payload);
        format!("{path}?{query}&X-Amz-Signature={signature}")
    }

    /// The signature of a chunk of a body that is signed piece by piece; `before` is the signature before it, at first
    /// that of the head.
    pub fn chunk(&self, time: &str, before: &str, chunk: &[u8]) -> String {
        let scope = self.scope(time);
        self.seal(time, &format!("AWS4-HMAC-SHA256-PAYLOAD\n{time}\n{scope}\n{before}\n{}\n{}", hash(""), hash(chunk)))
    }

    /// The signature of the trailers of such a body, as they are sent.
    pub fn trailer(&self, time: &str, before: &str, lines: &str) -> String {
        let scope = self.scope(time);
        self.seal(time, &format!("AWS4-HMAC-SHA256-TRAILER\n{time}\n{scope}\n{before}\n{}", hash(lines)))
    }

    fn time(&self) -> String {
        self.clock.unwrap_or_else(jiff::Timestamp::now).strftime("%Y%m%dT%H%M%SZ").to_string()
    }

    fn scope(&self, time: &str) -> String {
        format!("{}/{}/{}/aws4_request", &time[..8], self.region, self.service)
    }

    fn signature(
        &self,
        time: &str,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(String, String)],
        payload: &str,
    ) -> String {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let request = format!("{method}\n{path}\n{query}\n{lines}\n{}\n{payload}", names.join(";"));
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", self.scope(time), hash(request));
        self.seal(time, &text)
    }

    fn seal(&self, time: &str, text: &str) -> String {
        let key = [&time[..8], &self.region, &self.service, "aws4_request"]
            .iter()
            .fold(format!("AWS4{}", self.secret).into_bytes(), |key, word| mac(&key, word));
        data_encoding::HEXLOWER.encode(&mac(&key, text))
    }
}

/// Runs `holdall credential …` on the data of a server.
pub fn credential(server: &Server, arguments: &[&str]) -> Output {
    let mut command = holdall(&["credential"]);
    command.args(arguments).arg("--data").arg(server.data()).args(["--database-url", &server.database_url()]);
    command.output().unwrap()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn value(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches([' ', '=']).trim_matches('"').to_owned()
}
