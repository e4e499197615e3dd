//! Look-ups that arrive together share one query.
//!
//! A look-up of its own costs two hand-overs to the database's thread and a statement; a busy server pays for that once
//! for all who wait. An answer is never older than its question: a query begins after the last question of its batch
//! was asked.

use super::{Metadata, Rows};
use crate::{
    domain::{Error, Result},
    gather::Gather,
};
use futures::FutureExt;
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
    type Answer: Clone + Send + 'static;

    /// Answers up to 64 different questions, at least one; what is not there is left out.
    fn answer(
        rows: &Rows<'_, DatabaseConnection>,
        questions: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Answer>>> + Send;
}

/// Questions of one kind that wait.
pub(super) struct LookUps<Q: Question> {
    gather: Gather<Waiting<Q>>,
}

impl<Q: Question> Default for LookUps<Q> {
    fn default() -> Self {
        Self { gather: Gather::default() }
    }
}

struct Waiting<Q: Question> {
    question: Q,
    answer: oneshot::Sender<Result<Option<Q::Answer>>>,
}

impl Metadata {
    /// The answer to a question, together with those that wait beside it in `look_ups`.
    pub(super) async fn ask<Q: Question>(&self, look_ups: &Arc<LookUps<Q>>, question: Q) -> Result<Option<Q::Answer>> {
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
            if AssertUnwindSafe(self.answer_batch(batch)).catch_unwind().await.is_err() {
                tracing::error!("a batch of look-ups panicked; the next one goes on");
            }
        }
    }

    async fn answer_batch<Q: Question>(&self, batch: Vec<Waiting<Q>>) {
        let different: HashSet<&Q> = batch.iter().map(|waiting| &waiting.question).collect();
        let questions: Vec<Q> = different.into_iter().cloned().collect();
        match Q::answer(&self.rows(), &questions).await {
            Ok(answers) => {
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
