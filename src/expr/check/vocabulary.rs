//! What bands, countries and choices are compared with: a literal that none of them can be is a mistake.

use std::ops::Range;

use super::super::band::Band;
use super::super::tree::{Constant, Term};
use super::super::vocabulary::Vocabulary;
use super::{Checker, Part, Ty};

impl Checker<'_> {
    /// A text constant beside a band, a country or a choice is one; beside a time it is a time.
    pub(super) fn literal_beside(&mut self, beside: &Part, part: Part) -> Part {
        let Some(Constant::Text(text)) = part.constant() else { return part };
        let text = text.clone();
        match &beside.ty {
            Ty::Time => self.text_as_time(&text, &part.span),
            Ty::Band => self.text_as_band(&text, &part.span),
            Ty::Word(words) => self.text_as_word(words, &text, &part.span),
            _ => part,
        }
    }

    fn text_as_band(&mut self, text: &str, span: &Range<usize>) -> Part {
        let Some(band) = Band::read(text) else {
            let help = "write a number, or a band such as `\"51-200\"`, `\"500+\"` or `\"<50\"`".to_owned();
            return self.fail(span, format!("{} is no band", self.quoted(span)), Some(help));
        };
        let (constant, ty) = match band.number() {
            Some(number) => (Constant::Number(number), Ty::Number),
            None => (Constant::Band(band), Ty::Band),
        };
        Part::term(Term::Constant(constant), ty, span)
    }

    fn text_as_word(&mut self, words: &Vocabulary, text: &str, span: &Range<usize>) -> Part {
        match words.read(text) {
            Some(word) => Part::term(Term::Constant(Constant::Text(word.into())), Ty::Text, span),
            None => {
                let kind = match words {
                    Vocabulary::Country => "no country",
                    Vocabulary::Choice(_) => "none of its choices",
                };
                self.fail(span, format!("{} is {kind}", self.quoted(span)), Some(words.help(text)))
            }
        }
    }
}
