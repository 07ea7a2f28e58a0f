//! Something costly that many ask for.

use std::collections::VecDeque;
use std::sync::Arc;

use doorstep_core::time::{Span, Timestamp};
use tokio::sync::Mutex;

/// A value that is worked out once for all who ask within a while, however many ask at the same time:
/// one of them works, the others wait for it.
#[derive(Debug)]
pub(crate) struct Fresh<T>(Mutex<Option<(Timestamp, T)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Fresh<T> {
    /// The value, which is younger than `lasts` or was worked out while this one waited.
    pub(crate) async fn get(
        &self,
        now: Timestamp,
        lasts: Span,
        work: impl AsyncFnOnce() -> T,
    ) -> T {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = &*kept
            && now.saturating_since(*at) < lasts
        {
            return value.clone();
        }
        let value = work().await;
        *kept = Some((now, value.clone()));
        value
    }
}

/// The same by key, for the keys that were asked for last, at most so many: for any other it is worked
/// out anew.
#[derive(Debug)]
pub(crate) struct FreshBy<K, T> {
    most: usize,
    /// Whoever was asked for last stands last.
    recent: parking_lot::Mutex<VecDeque<(K, Arc<Fresh<T>>)>>,
}

impl<K: PartialEq, T: Clone> FreshBy<K, T> {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, recent: parking_lot::Mutex::new(VecDeque::new()) }
    }

    /// As [`Fresh::get`].
    pub(crate) async fn get(
        &self,
        key: K,
        now: Timestamp,
        lasts: Span,
        work: impl AsyncFnOnce() -> T,
    ) -> T {
        self.of(key).get(now, lasts, work).await
    }

    fn of(&self, key: K) -> Arc<Fresh<T>> {
        let mut recent = self.recent.lock();
        let place = recent.iter().position(|(known, _)| *known == key);
        let fresh = place.and_then(|place| recent.remove(place)).map(|(_, fresh)| fresh);
        let fresh = fresh.unwrap_or_default();
        recent.push_back((key, Arc::clone(&fresh)));
        if recent.len() > self.most {
            recent.pop_front();
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
    const A_SECOND: Span = Span::from_secs(1);

    #[test]
    fn one_works_for_all_who_ask_at_once_and_for_a_while_after() {
        let fresh = Fresh::default();
        let mut context = Context::from_waker(Waker::noop());
        let (done, wait) = tokio::sync::oneshot::channel();
        let mut first = pin!(fresh.get(NOW, A_SECOND, async || wait.await.unwrap()));
        assert!(first.as_mut().poll(&mut context).is_pending());
        let mut second = pin!(fresh.get(NOW, A_SECOND, async || 2));
        assert!(second.as_mut().poll(&mut context).is_pending(), "somebody is at it");
        done.send(1).unwrap();
        assert_eq!(first.as_mut().poll(&mut context), Poll::Ready(1));
        assert_eq!(second.as_mut().poll(&mut context), Poll::Ready(1));
        let at = |ms| NOW.saturating_add(Span::from_millis(ms));
        let mut young = pin!(fresh.get(at(999), A_SECOND, async || 3));
        assert_eq!(young.as_mut().poll(&mut context), Poll::Ready(1));
        let mut old = pin!(fresh.get(at(1_000), A_SECOND, async || 4));
        assert_eq!(old.as_mut().poll(&mut context), Poll::Ready(4));
    }

    #[test]
    fn whoever_gives_up_leaves_the_work_to_the_next() {
        let fresh = Fresh::default();
        let mut context = Context::from_waker(Waker::noop());
        {
            let mut gone = pin!(fresh.get(NOW, A_SECOND, std::future::pending));
            assert!(gone.as_mut().poll(&mut context).is_pending());
        }
        let mut next = pin!(fresh.get(NOW, A_SECOND, async || 2));
        assert_eq!(next.as_mut().poll(&mut context), Poll::Ready(2));
    }

    #[test]
    fn what_was_asked_for_last_is_kept_by_key() {
        let fresh = FreshBy::new(2);
        let get = |key: char, value: u8| {
            let got = pin!(fresh.get(key, NOW, A_SECOND, async || value));
            match got.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => value,
                Poll::Pending => panic!("nobody is at it"),
            }
        };
        assert_eq!((get('a', 1), get('b', 2)), (1, 2));
        assert_eq!(get('a', 3), 1);
        assert_eq!(get('c', 4), 4, "in the place of b, which was asked for before a");
        assert_eq!((get('a', 5), get('b', 6)), (1, 6));
    }
}
