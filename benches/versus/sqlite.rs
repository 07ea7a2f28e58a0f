//! Durable commands: the real host on the log on one SQLite file, on threads as a service has them,
//! fed with the commands of a recorded dinner rush by callers each of whom waits for its answer.
//!
//! The floor is what the disk gives to a program that writes a page and syncs it, one after the
//! other, on the same file system in the same round. It overwrites a file of fixed length in turn,
//! as SQLite does with its WAL: a sync that also has to note a new length is slower, and would
//! flatter us. Each group commit of ours writes more than that page, and syncs twice: the WAL, and
//! the anchor behind it, beside the next commit (the default, under which nothing acknowledged can
//! vanish unnoticed).

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use super::callers::{Run, serve};
use super::plan::Plan;
use super::report::Report;
use super::rounds::{Samples, Turn, interleave};
use super::rush::rush;
use crate::Effort;

/// Bytes that the floor syncs at once: a page of SQLite.
const PAGE: usize = 4_096;
/// Length of the file that the floor overwrites.
const FLOOR_FILE: usize = 16 << 20;

pub(crate) fn run(effort: &Effort, report: &mut Report) {
    // Below the build directory, which is on a disk where /tmp may be memory.
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let plan = Plan::of(rush(effort));
    let most = effort.of(Duration::from_secs(4), Duration::from_millis(500));
    let floor_for = effort.of(Duration::from_secs(1), Duration::from_millis(200));
    let mut many: Vec<Run> = Vec::new();
    let [fsync, one, sixty_four] = {
        let fsync: Turn<'_> = Box::new(|| syncs_per_s(dir.path(), floor_for));
        let one: Turn<'_> = Box::new(|| serve(dir.path(), &plan, 1, most).per_s());
        let sixty_four: Turn<'_> = Box::new(|| {
            let run = serve(dir.path(), &plan, 64, most);
            let rate = run.per_s();
            many.push(run);
            rate
        });
        interleave(effort.of(5, 1), [fsync, one, sixty_four])
    };
    let many = &many[1..];
    let of = |each: &dyn Fn(&Run) -> f64| Samples::new(many.iter().map(each).collect());
    let what = "commands of a dinner rush, answered after the commit";
    report.figure("sqlite/fsync_per_s", fsync.clone(), "1/s", "a page overwritten and synced");
    report.figure("sqlite/durable_per_s_1", one, "1/s", format!("{what}; 1 caller"));
    report.ratio("sqlite/durable_64_vs_fsync", sixty_four.over(&fsync), "64 callers");
    report.figure("sqlite/durable_per_s_64", sixty_four, "1/s", format!("{what}; 64 callers"));
    report.figure("sqlite/p50_ms_64", of(&|run| run.latency_ms(0.5)), "ms", "from send to answer");
    report.figure("sqlite/p99_ms_64", of(&|run| run.latency_ms(0.99)), "ms", "the same");
    report.figure("sqlite/group_64", of(&Run::group), "records", "of one commit");
    let as_recorded = of(&|run| 100.0 * run.as_recorded as f64 / run.answered() as f64);
    report.figure("sqlite/as_recorded", as_recorded, "%", "answered as in the recorded evening");
}

/// How often a page is written and synced in a second.
fn syncs_per_s(dir: &Path, most: Duration) -> f64 {
    let mut file = floor_file(dir);
    let (began, mut syncs) = (Instant::now(), 0_u32);
    while began.elapsed() < most {
        if (syncs as usize).is_multiple_of(FLOOR_FILE / PAGE) {
            file.seek(SeekFrom::Start(0)).expect("it is there");
        }
        file.write_all(&[7; PAGE]).expect("there is room");
        file.sync_data().expect("the disk syncs");
        syncs += 1;
    }
    f64::from(syncs) / began.elapsed().as_secs_f64()
}

/// A file of its length, on the disk already.
fn floor_file(dir: &Path) -> File {
    let path = dir.join("floor");
    let mut options = OpenOptions::new();
    let mut file = options.create(true).truncate(false).write(true).open(path).expect("it opens");
    if file.metadata().expect("it is there").len() < FLOOR_FILE as u64 {
        file.write_all(&vec![0; FLOOR_FILE]).expect("there is room");
        file.sync_all().expect("the disk syncs");
    }
    file
}
