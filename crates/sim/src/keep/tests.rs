use doorstep_core::id::OrderId;
use doorstep_core::money::{Currency, Money};
use doorstep_core::payment::Payment;
use doorstep_core::policy::Policy;
use doorstep_runtime::ports::{Payments, Word};

use super::*;
use crate::city::{City, CityConfig};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn eur() -> Currency {
    Currency::new("EUR").unwrap()
}

fn config(seed: u64) -> WorldConfig {
    WorldConfig::new(seed, Policy::new(eur()))
}

fn day(seed: u64) -> Day {
    City::generate(&CityConfig::new(seed, 10))
}

fn hold(order: u32) -> Effect {
    let due = Payment::new(Money::new(1_000, eur())).due().unwrap();
    Effect { order: OrderId::from(order), due }
}

#[test]
fn a_directory_takes_its_own_evening_and_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("new/evening");
    drop(Keep::open(&dir, &config(1), &day(1)).unwrap());
    drop(Keep::open(&dir, &config(1), &day(1)).unwrap());
    let chaotic = WorldConfig { chaos: 20, ..config(1) };
    let rude = WorldConfig { decline: 900, ..config(1) };
    for (config, day, differs) in [
        (config(2), day(1), "seed"),
        (config(1), day(2), "day"),
        (chaotic, day(1), "chaos"),
        (rude, day(1), "rules or people"),
    ] {
        let refused = Keep::open(&dir, &config, &day).unwrap_err();
        let KeepError::AnotherEvening { what, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*what, differs, "{refused}");
    }
    drop(Keep::open(&dir, &config(1), &day(1)).unwrap());
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("thesis.txt"), "three years of work").unwrap();
    let refused = Keep::open(dir.path(), &config(1), &day(1)).unwrap_err();
    assert!(matches!(&refused, KeepError::NotAnEvening { found, .. } if found == "thesis.txt"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    fs::remove_file(dir.path().join("thesis.txt")).unwrap();
    // A process died while it marked it.
    fs::write(dir.path().join("rush.json.new"), "{\"form").unwrap();
    drop(Keep::open(dir.path(), &config(1), &day(1)).unwrap());
    fs::write(dir.path().join(STAMP), "{\"form").unwrap();
    let refused = Keep::open(dir.path(), &config(1), &day(1)).unwrap_err();
    assert!(matches!(refused, KeepError::Damaged { line: 1, .. }), "{refused}");
}

#[test]
fn the_provider_goes_on_with_what_it_has_done() {
    let dir = tempfile::tempdir().unwrap();
    let keep = Keep::open(dir.path(), &config(1), &day(1)).unwrap();
    let mut provider = keep.provider(SandboxConfig::default()).unwrap();
    provider.request(&hold(1), NOW);
    let said = provider.poll(NOW).unwrap();
    assert!(matches!(said.word, Word::Definite(_)));
    let book = provider.book();
    drop((provider, keep));

    // The next one was being written.
    let path = dir.path().join(BOOK);
    let whole = fs::read(&path).unwrap();
    assert_eq!(
        std::str::from_utf8(&whole).unwrap(),
        "[{\"order\":\"ord_0000000000001\",\"due\":{\"step\":\"hold\",\"attempt\":1,\"amount\":\
         {\"minor\":1000,\"currency\":\"EUR\"},\"not_before\":0}},1700000000000,\
         {\"done\":{\"until\":1700604800000}}]\n",
        "what is stored keeps its form"
    );
    for cut in 1..whole.len() {
        fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
        let keep = Keep::open(dir.path(), &config(1), &day(1)).unwrap();
        if cut + 1 == whole.len() {
            // A whole line but for its end.
            let mut again = keep.provider(SandboxConfig::default()).unwrap();
            let later = NOW.saturating_add(doorstep_core::time::Span::from_secs(9));
            again.request(&hold(1), later);
            assert_eq!(again.poll(later), Some(said), "under its key it does nothing again");
            assert_eq!(again.book(), book);
            again.request(&hold(2), later);
            drop(again);
            let again = keep.provider(SandboxConfig::default()).unwrap();
            assert_eq!(again.book().len(), 2);
        } else {
            assert_eq!(keep.provider(SandboxConfig::default()).unwrap().book(), book);
        }
    }
    fs::write(&path, b"[]\n").unwrap();
    let refused = keep_again(dir.path()).provider(SandboxConfig::default()).unwrap_err();
    assert!(matches!(refused, KeepError::Damaged { line: 1, .. }), "{refused}");
}

fn keep_again(dir: &Path) -> Keep {
    Keep::open(dir, &config(1), &day(1)).unwrap()
}

#[test]
fn what_was_told_is_known_but_for_a_last_line_cut_short() {
    let dir = tempfile::tempdir().unwrap();
    let mut keep = keep_again(dir.path());
    keep.tells(CommandId::new(7), "\"done\"").unwrap();
    keep.tells(CommandId::new(0xff), "{\"refused\":{\"why\":\"no room\"}}").unwrap();
    drop(keep);
    let told = keep_again(dir.path()).told_before().unwrap();
    assert_eq!(told[0], (CommandId::new(7), "\"done\"".to_owned()));
    assert_eq!(told[1].1, "{\"refused\":{\"why\":\"no room\"}}");
    let path = dir.path().join(TOLD);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(keep_again(dir.path()).told_before().unwrap().len(), 1);
}
