//! What nobody should send, and what comes of it: a clear answer, bounded memory, nothing written.

mod idle;
mod slow;
mod sweep;

use gatehouse_testkit::{Installation, RunningServer};

use std::fs;

use gatehouse_store::{Query, args, sql};

/// Resident memory of a server in bytes.
fn memory(running: &RunningServer) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// How many rows a refused request could have added to.
async fn rows(house: &Installation) -> i64 {
    let count = sql!(
        "SELECT (SELECT CAST(COUNT(*) AS BIGINT) FROM oa_user) + (SELECT CAST(COUNT(*) AS BIGINT) FROM job) \
         + (SELECT CAST(COUNT(*) AS BIGINT) FROM account) + (SELECT CAST(COUNT(*) AS BIGINT) FROM audit WHERE stream = 'change') \
         AS n"
    );
    let database = house.database().await;
    let (count,) = database.read().one::<(i64,)>(count, args![]).await.unwrap().unwrap();
    database.close().await;
    count
}
