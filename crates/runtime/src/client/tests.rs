use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

fn submission(id: u128) -> (Submission, Ticket) {
    let (pledge, ticket) = Pledge::new();
    let cause = Client::cause(CommandId::new(id), Timestamp::EPOCH);
    (Submission { cause: Some((cause, pledge)), command: Command::Tick }, ticket)
}

fn id_of(submission: &Submission) -> u128 {
    submission.cause.as_ref().unwrap().0.id.get()
}

#[test]
fn commands_come_out_in_order_and_one_put_back_comes_first() {
    let inbox = Inbox::new(10);
    for id in 1..=3 {
        inbox.push(submission(id).0).unwrap();
    }
    let first = inbox.pop().unwrap();
    assert_eq!(id_of(&first), 1);
    inbox.put_back(first);
    inbox.push(submission(4).0).unwrap();
    let order: Vec<_> = std::iter::from_fn(|| inbox.pop()).map(|one| id_of(&one)).collect();
    assert_eq!(order, [1, 2, 3, 4]);
    assert_eq!(inbox.len(), 0);
}

#[test]
fn the_bound_counts_what_the_writer_has_taken_and_not_dealt_with() {
    let inbox = Inbox::new(3);
    for id in 1..=3 {
        inbox.push(submission(id).0).unwrap();
    }
    let first = inbox.pop().unwrap();
    inbox.put_back(first);
    assert_eq!(inbox.push(submission(4).0), Err(NotSent::Busy { most: 3 }));
    drop(inbox.pop());
    assert_eq!(inbox.push(submission(4).0), Ok(()));
    assert_eq!(inbox.push(submission(5).0), Err(NotSent::Busy { most: 3 }));
    assert_eq!(inbox.len(), 3);
}

#[test]
fn a_shut_inbox_still_gives_out_what_waits_and_a_closed_one_says_unknown() {
    let inbox = Inbox::new(10);
    let (one, first) = submission(1);
    let (two, second) = submission(2);
    inbox.push(one).unwrap();
    inbox.push(two).unwrap();
    inbox.shut();
    assert_eq!(inbox.push(submission(3).0), Err(NotSent::Gone));
    let (_, pledge) = inbox.pop().unwrap().cause.unwrap();
    pledge.tell(Told::Outcome(Outcome::Done));
    inbox.close();
    assert_eq!(first.told(), Some(Told::Outcome(Outcome::Done)));
    assert_eq!(second.told(), Some(Told::Unknown));
    assert!(inbox.pop().is_none());
    assert_eq!(inbox.len(), 0);
}

#[test]
fn what_is_told_first_stands() {
    let (pledge, ticket) = Pledge::new();
    pledge.tell(Told::Outcome(Outcome::Done));
    pledge.tell(Told::Unknown);
    drop(pledge);
    assert_eq!(ticket.told(), Some(Told::Outcome(Outcome::Done)));
    assert_eq!(ticket.wait(Duration::ZERO), Some(Told::Outcome(Outcome::Done)));
}

#[test]
fn an_answer_that_is_forgotten_is_an_unknown_one() {
    let (pledge, ticket) = Pledge::new();
    assert_eq!(ticket.wait(Duration::ZERO), None);
    let waits = std::thread::spawn(move || ticket.wait(PATIENCE));
    drop(pledge);
    assert_eq!(waits.join().unwrap(), Some(Told::Unknown));
}

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn every_clone_is_woken_once_by_the_waker_it_left_last_and_a_dropped_one_is_not() {
    let (pledge, ticket) = Pledge::new();
    let counts: [Arc<Count>; 4] = Default::default();
    let wakers = counts.clone().map(Waker::from);
    let poll =
        |ticket: &mut Ticket, waker: &Waker| pin!(ticket).poll(&mut Context::from_waker(waker));
    let (mut one, mut two, mut gone) = (ticket.clone(), ticket.clone(), ticket);
    assert_eq!(poll(&mut one, &wakers[0]), Poll::Pending);
    assert_eq!(poll(&mut one, &wakers[1]), Poll::Pending);
    assert_eq!(poll(&mut two, &wakers[2]), Poll::Pending);
    assert_eq!(poll(&mut gone, &wakers[3]), Poll::Pending);
    drop(gone);
    pledge.tell(Told::Outcome(Outcome::Done));
    assert_eq!(counts.map(|count| count.0.load(Ordering::SeqCst)), [0, 1, 1, 0]);
    for ticket in [&mut one, &mut two] {
        assert_eq!(poll(ticket, &wakers[0]), Poll::Ready(Told::Outcome(Outcome::Done)));
        assert_eq!(poll(ticket, &wakers[0]), Poll::Ready(Told::Outcome(Outcome::Done)), "again");
    }
}
