//! Pages of an S3 listing (`ListObjectsV2`) that nobody stored: files in folders of a thousand.

use percent_encoding::percent_decode_str;
use std::fmt::Write;

/// Keys of one page, as S3 gives at the most.
const PAGE: u64 = 1000;

/// The page that `target` asks for, of `keys` keys below its prefix. The token is the number of the first key.
pub(super) fn page(target: &str, keys: u64) -> String {
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let field = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name));
        value.map(|(_, value)| percent_decode_str(value).decode_utf8_lossy().into_owned()).unwrap_or_default()
    };
    let (prefix, first) = (field("prefix"), field("continuation-token").parse().unwrap_or(0));
    let last = (first + PAGE).min(keys);
    let mut page = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult><Prefix>{prefix}</Prefix><KeyCount>{}</KeyCount>",
        last - first
    );
    match last < keys {
        true => write!(page, "<IsTruncated>true</IsTruncated><NextContinuationToken>{last}</NextContinuationToken>"),
        false => write!(page, "<IsTruncated>false</IsTruncated>"),
    }
    .unwrap();
    for key in first..last {
        write!(
            page,
            "<Contents><Key>{prefix}{:06}/{key:09}.txt</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
             <ETag>&quot;9dd4e461268c8034f5c8564e155c67a6&quot;</ETag><Size>1</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>",
            key / PAGE
        )
        .unwrap();
    }
    page.push_str("</ListBucketResult>");
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_end() {
        let first = page("/b?list-type=2&prefix=in%2F", 1500);
        assert!(first.contains("<NextContinuationToken>1000</NextContinuationToken>"));
        assert!(first.contains("<Key>in/000000/000000000.txt</Key>") && !first.contains("000001000.txt"));
        let last = page("/b?continuation-token=1000&list-type=2&prefix=in%2F", 1500);
        assert!(
            last.contains("<Key>in/000001/000001499.txt</Key>") && last.contains("<IsTruncated>false</IsTruncated>")
        );
        assert_eq!(last.matches("<Contents>").count(), 500);
    }
}
