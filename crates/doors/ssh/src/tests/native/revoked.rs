//! What is taken away or changed while a stay is on its way, and how fast it reaches those that are open.

use gatehouse_domain::bastion::policy;
use gatehouse_model::EndedWhy;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_goes_while_a_person_thinks_about_a_key_ends_the_stay_that_follows() {
    let house = House::new().await;
    house.policy(json!({ "hostkey": "prompt" })).await;
    let ctx = house.person(ROOT).await;
    let admitted = house.admit(&ctx).await;
    let (app, operator) = (house.app().clone(), house.test.operator());
    let ask = Box::new(move |_: PresentedKey| {
        Box::pin(async move {
            let values = json!({ "sources": ["192.0.2.0/24"] }).as_object().unwrap().clone();
            policy::edit(&operator, policy::Scope::All, &values).await.unwrap();
            // The change is told before the target is dialled again, and nobody will be told later.
            app.live().refresh(&app).await.unwrap();
            true
        }) as Boxed<'static, bool>
    });
    let opening = house.door.open(ctx, admitted, SIZE, "xterm".to_owned(), Some(ask));
    let terminal = timeout(SOON, opening).await.expect("an answer comes in time").unwrap();
    let opened = Instant::now();
    let ended = timeout(Duration::from_secs(5), Screen::new(terminal).ended()).await;
    assert_eq!(ended.expect("the stay does not last").why, EndedWhy::PolicyChanged);
    assert!(opened.elapsed() < Duration::from_secs(1), "{:?}", opened.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_stays_hear_of_a_change_soon() {
    let house = House::with(|settings| settings.recordings.mode = RecordingMode::Off).await;
    let ctx = house.person(ROOT).await;
    let mut screens = Vec::new();
    for _ in 0..20 {
        let opening = (0..10).map(async |_| {
            let admitted = house.admit(&ctx).await;
            house.door.open(ctx.clone(), admitted, SIZE, "xterm".to_owned(), None).await.unwrap()
        });
        screens.extend(futures_util::future::join_all(opening).await.into_iter().map(Screen::new));
    }
    assert_eq!(house.door.open_stays(), 200);
    let start = Instant::now();
    house.policy(json!({ "sources": ["192.0.2.0/24"] })).await;
    let ends = screens.iter_mut().map(async |screen| (screen.ended().await.why, start.elapsed()));
    let ends = futures_util::future::join_all(ends).await;
    assert!(ends.iter().all(|(why, _)| *why == EndedWhy::PolicyChanged));
    let last = ends.iter().map(|(_, at)| *at).max().unwrap();
    eprintln!("the last of 200 heard of it after {last:?}");
    // 0.3 s on an otherwise idle machine, in the debug build.
    assert!(last < Duration::from_secs(4), "{last:?}");
}
