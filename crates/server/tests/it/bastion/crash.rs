//! `kill -9` while a terminal is open: the stay is closed, its recording plays to its last record.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use gatehouse_testkit::{Engine, peer::wait_for};
use serde_json::{Value, json};

use super::world::{Person, World, type_line};

/// On PostgreSQL a process is dead when nothing was seen of it for 30 s, which is looked at every 10 s.
const FOUND_DEAD: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_a_closed_stay_on_sqlite() {
    story(Engine::Sqlite).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_a_closed_stay_on_postgresql() {
    story(Engine::Postgres).await.unwrap();
}

async fn story(engine: Engine) -> Result<()> {
    let world = World::new(engine).await?;
    let running = world.house.serve_beside("serve").await;
    let ids = world.furnish(&running).await?;
    let chief = Person::chief(&running).await?;
    let mut terminal = Person::ann(&running).await?.terminal(ids).await?;
    type_line(&mut terminal, "echo last-$((6*7))").await?;
    terminal.expect("last-42").await?;
    let id = newest(&chief).await?.get("id").and_then(Value::as_i64).context("no id")?;
    let replay = format!("audit/session/replay/?id={id}");
    // What a viewer sees of a stay that goes on is on the disk.
    wait_for("the record", async || Ok(chief.text(&replay).await?.contains("last-42"))).await?;
    running.kill();
    wait_for("the target's processes", async || Ok(world.sshd.processes().is_empty())).await?;

    let running = world.house.serve_beside("serve").await;
    let chief = Person::chief(&running).await?;
    let deadline = Instant::now() + FOUND_DEAD;
    while newest(&chief).await?.get("status") != Some(&json!("close")) {
        ensure!(Instant::now() < deadline, "the stay is still open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let shown = chief.get(&format!("audit/session/detail/?id={id}")).await?;
    assert_eq!(shown.pointer("/detail/reason"), Some(&json!("lost")), "{shown}");
    assert!(shown.pointer("/detail/end_time").is_some_and(Value::is_string), "{shown}");
    let played = chief.text(&replay).await?;
    assert!(played.contains("last-42"), "{played}");
    for line in played.lines() {
        serde_json::from_str::<Value>(line).with_context(|| format!("half a record: {line}"))?;
    }
    let found = world.house.run_beside(&["doctor"]).await;
    assert!(found.stdout.contains("1 recordings, 0 MiB, hold"), "{found:?}");
    drop(running.stop_beside().await);
    Ok(())
}

async fn newest(chief: &Person) -> Result<Value> {
    let log = chief.get("audit/session/get/?desc=true").await?;
    log.pointer("/detail/0").cloned().with_context(|| format!("no stay in {log}"))
}
