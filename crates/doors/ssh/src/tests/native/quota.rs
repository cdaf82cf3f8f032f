//! How many stays there may be, however many are asked for at the same moment.

use super::*;

impl House {
    /// Opens so many terminals at the same moment; gives those that opened, and why the others did not.
    async fn open_together(&self, ctx: &Ctx, count: usize) -> (Vec<Screen>, Vec<Failure>) {
        let mut admitted = Vec::new();
        for _ in 0..count {
            admitted.push(self.admit(ctx).await);
        }
        let opening =
            admitted.into_iter().map(|admitted| self.door.open(ctx.clone(), admitted, SIZE, "xterm".to_owned(), None));
        let (mut screens, mut failures) = (Vec::new(), Vec::new());
        for opened in futures_util::future::join_all(opening).await {
            match opened {
                Ok(terminal) => screens.push(Screen::new(terminal)),
                Err(failure) => failures.push(failure),
            }
        }
        (screens, failures)
    }

    fn logins(&self) -> usize {
        self.sshd.log().matches("Accepted publickey").count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_opens_no_more_than_it_may_however_many_at_once() {
    let house = House::with(|settings| settings.terminal.max_sessions_per_user = 3).await;
    let ctx = house.person(ROOT).await;
    let (mut screens, failures) = house.open_together(&ctx, 12).await;
    assert_eq!((screens.len(), failures), (3, vec![Failure::Quota; 9]));
    assert_eq!(house.logins(), 3, "for the others nothing was dialled");
    assert_eq!(house.visits().await.len(), 3);
    let told = house.run("administrator#web", "true").await;
    assert!(told.error.contains("会话数已达上限") && told.code == Some(255), "{told:?}");
    drop(screens.pop());
    eventually("its place is free", async || house.run("administrator#web", "exit 4").await.code == Some(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_holds_no_more_than_it_may_whoever_they_are_of() {
    let house = House::with(|settings| settings.terminal.max_sessions = 4).await;
    let ctx = house.person(ROOT).await;
    let (screens, failures) = house.open_together(&ctx, 9).await;
    assert_eq!((screens.len(), failures), (4, vec![Failure::Quota; 5]));
    assert_eq!(house.logins(), 4);
    let told = house.run("administrator#web", "true").await;
    assert!(told.error.contains("会话数已达上限") && told.code == Some(255), "{told:?}");
    drop(screens);
    eventually("places are free", async || house.run("administrator#web", "exit 4").await.code == Some(4)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_of_the_resource_holds_for_stays_that_open_together() {
    let house = House::new().await;
    house.policy(json!({ "max_sessions": 2 })).await;
    let ctx = house.person(ROOT).await;
    let (mut first, _) = house.open_together(&ctx, 1).await;
    first[0].run("true").await;
    let of_one = house.sshd.processes().len();
    let (others, failures) = house.open_together(&ctx, 7).await;
    assert_eq!((first.len(), others.len(), failures), (1, 1, vec![Failure::Quota; 6]));
    assert_eq!(house.visits().await.len(), 2, "those that were refused left no row");
    eventually("nor anything at the target", async || house.sshd.processes().len() == 2 * of_one).await;
}
