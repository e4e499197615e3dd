//! Look-ups that arrive together share one query.
//!
//! A look-up of its own costs two hand-overs to the database's thread and a statement; a busy server pays for that once
//! for all who wait. Some answers are kept, and told again while nothing was committed since. An answer is never older than
//! its question: a query begins after the last question of its batch was asked, and a commit ends what was kept before it.

use super::{Metadata, Rows, writer::Changes};
use crate::{
    domain::{Error, Result},
    gather::Gather,
};
use futures::FutureExt;
use quick_cache::sync::Cache;
use sea_orm::DatabaseConnection;
use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    panic::AssertUnwindSafe,
    sync::Arc,
};
use tokio::sync::oneshot;

/// Questions of one query. Lists are filled up to one of these lengths, so that every shape stays prepared.
const SIZES: [usize; 4] = [1, 4, 16, 64];

/// What can be asked for many at a time.
pub(super) trait Question: Clone + Eq + Hash + Send + Sync + 'static {
    type Answer: Clone + Send + Sync + 'static;

    /// How many answers are kept, at most.
    const KEPT: usize;

    /// A number that stays the same for as long as no answer changes. `None`: not known.
    fn state(changes: &Changes) -> Option<u64>;

    /// As [`state`](Self::state), for a question that is asked now; `None` also while answers change.
    fn state_to_learn(changes: &Changes) -> Option<u64> {
        Self::state(changes)
    }

    /// Answers up to 64 different questions, at least one; what is not there is left out.
    fn answer(
        rows: &Rows<'_, DatabaseConnection>,
        questions: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Answer>>> + Send;
}

/// Questions of one kind that wait, and answers that were given.
pub(super) struct LookUps<Q: Question> {
    gather: Gather<Waiting<Q>>,
    kept: Cache<Q, Kept<Q::Answer>>,
}

/// An answer, and the state that it is about.
#[derive(Clone)]
struct Kept<A> {
    state: u64,
    answer: A,
}

impl<Q: Question> Default for LookUps<Q> {
    fn default() -> Self {
        Self { gather: Gather::default(), kept: Cache::new(Q::KEPT) }
    }
}

impl<Q: Question> LookUps<Q> {
    /// What was answered before, if it is what the database would answer now.
    fn remembered(&self, question: &Q, changes: &Changes) -> Option<Q::Answer> {
        let kept = self.kept.get(question)?;
        (Q::state(changes)? == kept.state).then_some(kept.answer)
    }

    /// Keeps answers that were read in this state.
    fn remember(&self, state: u64, answers: &HashMap<Q, Q::Answer>) {
        for (question, answer) in answers {
            self.kept.insert(question.clone(), Kept { state, answer: answer.clone() });
        }
    }
}

struct Waiting<Q: Question> {
    question: Q,
    answer: oneshot::Sender<Result<Option<Q::Answer>>>,
}

impl Metadata {
    /// The answer to a question, together with those that wait beside it in `look_ups`.
    pub(super) async fn ask<Q: Question>(&self, look_ups: &Arc<LookUps<Q>>, question: Q) -> Result<Option<Q::Answer>> {
        if let Some(answer) = self.writer.changes().and_then(|changes| look_ups.remembered(&question, changes)) {
            return Ok(Some(answer));
        }
        let (answer, answered) = oneshot::channel();
        if look_ups.gather.push(Waiting { question, answer }) {
            let (metadata, look_ups) = (self.clone(), Arc::clone(look_ups));
            tokio::spawn(async move { metadata.answer_all(&look_ups).await });
        }
        answered.await.map_err(|_| Error::DatabaseUnavailable("the look-up was given up".into()))?
    }

    async fn answer_all<Q: Question>(&self, look_ups: &LookUps<Q>) {
        loop {
            let batch = look_ups.gather.take(|waiting| waiting.len().min(SIZES[SIZES.len() - 1]));
            if batch.is_empty() {
                return;
            }
            // A defect in one batch must not leave the queue without a worker.
            if AssertUnwindSafe(self.answer_batch(look_ups, batch)).catch_unwind().await.is_err() {
                tracing::error!("a batch of look-ups panicked; the next one goes on");
            }
        }
    }

    async fn answer_batch<Q: Question>(&self, look_ups: &LookUps<Q>, batch: Vec<Waiting<Q>>) {
        let state = self.writer.changes().and_then(Q::state_to_learn);
        let different: HashSet<&Q> = batch.iter().map(|waiting| &waiting.question).collect();
        let questions: Vec<Q> = different.into_iter().cloned().collect();
        match Q::answer(&self.rows(), &questions).await {
            Ok(answers) => {
                if let Some(state) = state {
                    look_ups.remember(state, &answers);
                }
                for waiting in batch {
                    let answer = answers.get(&waiting.question).cloned();
                    // A caller that has gone away does not care.
                    let _ = waiting.answer.send(Ok(answer));
                }
            }
            Err(error) => {
                let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                for waiting in batch {
                    let _ = waiting.answer.send(Err(Error::DatabaseUnavailable(text.clone().into())));
                }
            }
        }
    }
}

/// As many questions as one of the prepared shapes holds: the given ones, and the last of them again and again.
pub(super) fn filled<Q>(questions: &[Q]) -> impl Iterator<Item = &Q> + Clone {
    let size = SIZES.into_iter().find(|size| *size >= questions.len()).unwrap_or(questions.len());
    questions.iter().chain(questions.last().into_iter().cycle()).take(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_filled_up_to_a_prepared_length() {
        let lengths: Vec<usize> =
            [1, 2, 4, 5, 17, 64].into_iter().map(|count| filled(&vec![7; count]).count()).collect();
        assert_eq!(lengths, [1, 4, 4, 16, 64, 64]);
        assert_eq!(filled(&[1, 2]).copied().collect::<Vec<_>>(), [1, 2, 2, 2]);
        assert_eq!(filled::<i32>(&[]).count(), 0);
    }
}
