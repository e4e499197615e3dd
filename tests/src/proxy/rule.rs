//! What is done to which requests.

use std::time::Duration;

/// What is done to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is answered with this status, and goes no further. The body is not read.
    Answer(u16),
    /// Its connection is closed without an answer, and it goes no further.
    Drop,
    /// It waits before it goes on.
    Delay(Duration),
    /// Nothing happens until the rules change; then its connection is closed.
    Stall,
    /// So many bytes of its body go on, then both connections are cut.
    CutRequest(u64),
    /// So many bytes of the answer's body come back, then the connection is cut.
    CutResponse(u64),
    /// One byte of every piece of its body is another one: the length is right, the content is not.
    CorruptRequest,
    /// One byte of every piece of the answer's body is another one: the length is right, the content is not.
    CorruptResponse,
    /// A page of an S3 listing is made up for it: so many keys lie below whatever prefix was asked for, each with one
    /// byte. It goes no further. A store of millions of objects that costs nothing to fill.
    List(u64),
}

/// A deed, and the requests it is done to: all, unless told otherwise.
#[derive(Debug, Clone)]
pub struct Rule {
    deed: Deed,
    method: String,
    part: String,
    skip: u64,
    left: u64,
}

impl Rule {
    pub fn new(deed: Deed) -> Self {
        Self { deed, method: String::new(), part: String::new(), skip: 0, left: u64::MAX }
    }

    /// Only to requests with this method.
    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Only to requests whose target (path and query) contains this.
    pub fn path(mut self, part: &str) -> Self {
        self.part = part.to_owned();
        self
    }

    /// Not to the first `count` of these requests.
    pub fn after(mut self, count: u64) -> Self {
        self.skip = count;
        self
    }

    /// Only to `count` of these requests.
    pub fn times(mut self, count: u64) -> Self {
        self.left = count;
        self
    }

    /// The deed, when the rule is about this request and not used up.
    pub(super) fn take(&mut self, method: &str, target: &str) -> Option<Deed> {
        if !(self.method.is_empty() || self.method == method) || !target.contains(&self.part) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        Some(self.deed)
    }
}
