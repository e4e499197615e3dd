//! How texts become words, the same for what is indexed and for what is asked.
//!
//! Text is normalised first (width, ligatures, and the accents of Latin, Greek and Cyrillic letters), then cut wherever
//! something stands that is neither letter nor digit, and made lower case.
//!
//! * A word with borders inside (`AnnualReport2024`) is indexed as a whole and by its parts.
//! * Scripts that are written without spaces are indexed by single characters and by pairs of neighbours, which finds every
//!   word without a dictionary, as the CJK analyzer of Lucene does.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::UnicodeNormalization;

/// The name under which the tokenizer is known to the schema.
pub(crate) const TOKENIZER: &str = "words";

/// What is longer is cut here, in characters.
const MOST_WORD: usize = 100;

/// A word of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// What it is made of when there are borders inside; each part is a word of its own.
    pub(crate) parts: Vec<String>,
    /// Its place, counted as the places in the index are.
    pub(crate) at: usize,
    /// A character or a pair of a script without spaces: it has no beginning to be looked for, and is never misspelt.
    pub(crate) dense: bool,
}

/// The words of a question, in order. Of a script without spaces only pairs, or a single character that stands alone.
pub(crate) fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut at = 0;
    runs(&normalised(text), |run| match run {
        Run::Word(word) => {
            let mut parts = parts(word);
            let width = width(&parts);
            // A part that is too short is not in the index, so the others alone would not be this word.
            if borders(word).len() > parts.len() {
                parts.clear();
            }
            words.push(Word { text: folded(word), parts, at, dense: false });
            at += width;
        }
        Run::Dense(characters) => {
            let pairs = characters.windows(2).map(|pair| pair.iter().collect::<String>());
            let single = (characters.len() == 1).then(|| characters.iter().collect());
            let found = pairs.chain(single).enumerate();
            words.extend(found.map(|(next, text)| Word { text, parts: Vec::new(), at: at + next, dense: true }));
            at += characters.len();
        }
    });
    words
}

/// The whole text as one value: what an exact title is compared by.
pub(crate) fn whole(text: &str) -> String {
    let text = normalised(text);
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(&fold(word));
    }
    folded
}

enum Run<'a> {
    Word(&'a str),
    Dense(&'a [char]),
}

/// Shows the runs of letters and digits to `see`.
fn runs(text: &str, mut see: impl FnMut(Run<'_>)) {
    let mut dense = Vec::new();
    let mut start = None;
    let mut ends = |start: &mut Option<usize>, dense: &mut Vec<char>, at: usize| {
        if let Some(start) = start.take() {
            see(Run::Word(&text[start..at]));
        }
        if !dense.is_empty() {
            see(Run::Dense(dense));
            dense.clear();
        }
    };
    for (at, c) in text.char_indices() {
        if is_dense(c) {
            if start.is_some() {
                ends(&mut start, &mut dense, at);
            }
            dense.push(c);
        } else if c.is_alphanumeric() {
            if !dense.is_empty() {
                ends(&mut start, &mut dense, at);
            }
            start.get_or_insert(at);
        } else {
            ends(&mut start, &mut dense, at);
        }
    }
    ends(&mut start, &mut dense, text.len());
}

/// Scripts without spaces: Han, kana, Hangul, Thai, Lao, Myanmar, Khmer.
fn is_dense(c: char) -> bool {
    matches!(c,
        '\u{0E01}'..='\u{0E4E}' | '\u{0E81}'..='\u{0ECE}' | '\u{1000}'..='\u{103F}' | '\u{1780}'..='\u{17D3}'
        | '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{3096}' | '\u{309D}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}' | '\u{30FC}'..='\u{30FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFD}')
}

/// Cuts at `aB`, `ABc` before the `B`, and between letters and digits.
fn borders(word: &str) -> Vec<&str> {
    #[derive(PartialEq, Clone, Copy)]
    enum Class {
        Upper,
        Digit,
        Other,
    }
    let class = |c: char| match c {
        c if c.is_uppercase() => Class::Upper,
        c if c.is_numeric() => Class::Digit,
        _ => Class::Other,
    };
    let mut parts = Vec::new();
    let mut start = 0;
    let mut before: Option<Class> = None;
    let mut letters = word.char_indices().peekable();
    while let Some((at, c)) = letters.next() {
        let this = class(c);
        let next = letters.peek().map(|&(_, c)| class(c));
        let cut = match (before, this) {
            (None, _) => false,
            (Some(Class::Digit), now) => now != Class::Digit,
            (Some(_), Class::Digit) => true,
            (Some(Class::Other), Class::Upper) => true,
            (Some(Class::Upper), Class::Upper) => next == Some(Class::Other),
            _ => false,
        };
        if cut {
            parts.push(&word[start..at]);
            start = at;
        }
        before = Some(this);
    }
    parts.push(&word[start..]);
    parts
}

/// The parts of a word that are indexed beside the whole.
fn parts(word: &str) -> Vec<String> {
    let parts = borders(word);
    if parts.len() < 2 {
        return Vec::new();
    }
    parts.into_iter().filter(|part| !short(part)).map(folded).collect()
}

/// How many places a word takes.
fn width(parts: &[String]) -> usize {
    parts.len().max(1)
}

/// A single letter or digit says nothing by itself.
fn short(part: &str) -> bool {
    part.chars().nth(1).is_none()
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}')
}

fn normalised(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    text.nfkd().filter(|&c| !is_accent(c)).nfc().collect::<String>().into()
}

/// Lower case, with the letters that decomposition leaves alone.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.chars().flat_map(char::to_lowercase).filter(|&c| !is_accent(c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            'ς' => folded.push('σ'),
            other => folded.push(other),
        }
    }
    folded
}

fn folded(word: &str) -> String {
    let mut folded = fold(word);
    if let Some((end, _)) = folded.char_indices().nth(MOST_WORD) {
        folded.truncate(end);
    }
    folded
}

/// What is indexed of a text.
#[derive(Clone, Default)]
pub(crate) struct Words {
    tokens: Vec<Token>,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Tokens<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Tokens<'a> {
        self.tokens.clear();
        let tokens = &mut self.tokens;
        let mut position = 0;
        runs(&normalised(text), |run| match run {
            Run::Word(word) => {
                tokens.push(token(folded(word), position));
                let parts = parts(word);
                let end = position + width(&parts);
                tokens.extend(parts.into_iter().enumerate().map(|(at, part)| token(part, position + at)));
                position = end;
            }
            Run::Dense(characters) => {
                for (at, c) in characters.iter().enumerate() {
                    tokens.push(token(c.to_string(), position));
                    if let Some(next) = characters.get(at + 1) {
                        tokens.push(token([*c, *next].iter().collect(), position));
                    }
                    position += 1;
                }
            }
        });
        Tokens { tokens: &mut self.tokens, at: 0 }
    }
}

fn token(text: String, position: usize) -> Token {
    Token { offset_from: 0, offset_to: 0, position, text, position_length: 1 }
}

pub(crate) struct Tokens<'a> {
    tokens: &'a mut Vec<Token>,
    /// How many were given out.
    at: usize,
}

impl TokenStream for Tokens<'_> {
    fn advance(&mut self) -> bool {
        self.at += 1;
        self.at <= self.tokens.len()
    }

    fn token(&self) -> &Token {
        &self.tokens[self.at.max(1) - 1]
    }

    fn token_mut(&mut self) -> &mut Token {
        let at = self.at.max(1) - 1;
        &mut self.tokens[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexed(text: &str) -> Vec<(String, usize)> {
        let mut words = Words::default();
        let mut stream = words.token_stream(text);
        let mut found = Vec::new();
        while stream.advance() {
            found.push((stream.token().text.clone(), stream.token().position));
        }
        found
    }

    fn asked(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn words_end_where_no_letter_or_digit_stands() {
        assert_eq!(asked("reports/2024_q1-final.PDF"), ["reports", "2024", "q1", "final", "pdf"]);
    }

    #[test]
    fn accents_and_widths_do_not_count() {
        assert_eq!(asked("Résumé Straße ＡＢＣ Łódź"), ["resume", "strasse", "abc", "lodz"]);
        assert_eq!(whole("  Das  ÉTÉ.pdf "), "das ete.pdf");
    }

    #[test]
    fn a_word_with_borders_is_whole_and_in_parts() {
        let own = |words: &[(&str, usize)]| words.iter().map(|&(word, at)| (word.to_owned(), at)).collect::<Vec<_>>();
        let expected =
            own(&[("annualpdfreport2024", 0), ("annual", 0), ("pdf", 1), ("report", 2), ("2024", 3), ("x", 4)]);
        assert_eq!(indexed("AnnualPDFReport2024 x"), expected);
        assert_eq!(words("AnnualReport")[0].parts, ["annual", "report"]);
        assert_eq!(indexed("q1 iPhone end"), own(&[("q1", 0), ("iphone", 1), ("phone", 1), ("end", 2)]));
        assert!(words("q1 iPhone").iter().all(|word| word.parts.is_empty()));
    }

    #[test]
    fn scripts_without_spaces_are_pairs() {
        assert_eq!(asked("季度报告2024年"), ["季度", "度报", "报告", "2024", "年"]);
        let found: Vec<_> = indexed("报告x").into_iter().map(|(word, at)| format!("{word}{at}")).collect();
        assert_eq!(found, ["报0", "报告0", "告1", "x2"]);
        assert_eq!(asked("カタカナ 한국어"), ["カタ", "タカ", "カナ", "한국", "국어"]);
    }

    #[test]
    fn long_words_are_cut_alike() {
        let long = "x".repeat(70_000);
        assert_eq!(asked(&long)[0].len(), MOST_WORD);
        assert_eq!(indexed(&long)[0].0, asked(&long)[0]);
    }
}
