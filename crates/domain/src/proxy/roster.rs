//! Who may use which node, as nodes of others fetch it: in memory, so that a poll that finds nothing new asks no database
//! (specs/panel-nodes.md N4.2).
//!
//! It follows the live snapshot when somebody asks: what changed meanwhile is read in one statement. A list is made once for each
//! set of groups and change, and shared by all polls until the next change or the next expiry in it.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use gatehouse_model::{AccountId, Millis, NodeGroupId};
use gatehouse_profile::node_config::{NodeUser, etag, users_json, users_msgpack};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::user::{self, ProxyUser};
use crate::{
    App, Result,
    live::{UserChange, UserFeed},
};

/// More sets of groups than an installation has nodes; what is not asked for any more goes.
const MAX_LISTS: usize = 1_000;

/// A body with its `ETag`.
#[derive(Debug, Clone)]
pub struct Body {
    /// The bytes.
    pub bytes: Bytes,
    /// Its `ETag`, in quotation marks.
    pub etag: String,
}

impl Body {
    /// A body of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { etag: etag(&bytes), bytes: bytes.into() }
    }
}

/// The users of a set of groups.
#[derive(Debug)]
pub struct List {
    users: Vec<NodeUser>,
    json: OnceLock<Body>,
    msgpack: OnceLock<Body>,
}

impl List {
    fn new(users: Vec<NodeUser>) -> Self {
        Self { users, json: OnceLock::new(), msgpack: OnceLock::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether nobody is on it.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// As JSON, made when it is first asked for.
    pub fn json(&self) -> &Body {
        self.json.get_or_init(|| Body::new(users_json(&self.users)))
    }

    /// As `MessagePack`.
    pub fn msgpack(&self) -> &Body {
        self.msgpack.get_or_init(|| Body::new(users_msgpack(&self.users)))
    }
}

/// What lists need to know of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Member {
    uuid: Uuid,
    group: NodeGroupId,
    /// Whether anything but time keeps him out.
    is_in: bool,
    expires_at: Option<Millis>,
    speed_limit: u32,
    device_limit: u32,
}

impl Member {
    fn of(user: &ProxyUser) -> Option<Self> {
        Some(Self {
            uuid: user.uuid,
            group: user.node_group_id?,
            is_in: user.is_enabled && !user.is_exhausted(),
            expires_at: user.expires_at,
            speed_limit: user.speed_limit,
            device_limit: user.device_limit,
        })
    }
}

struct Made {
    list: Arc<List>,
    versions: Vec<u64>,
    /// When the next of them expires.
    good_until: Option<Millis>,
}

#[derive(Default)]
struct State {
    feed: Option<UserFeed>,
    members: BTreeMap<AccountId, Member>,
    groups: HashMap<NodeGroupId, BTreeSet<AccountId>>,
    /// Counts up with every change of a group that its lists show.
    versions: HashMap<NodeGroupId, u64>,
    lists: HashMap<Vec<NodeGroupId>, Made>,
}

/// Everybody who has a proxy pass.
#[derive(Default)]
pub struct Roster(Mutex<State>);

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roster").finish_non_exhaustive()
    }
}

impl Roster {
    /// The eligible users of some groups, by id. Errors: of the database, when something changed.
    pub async fn list(&self, app: &App, groups: &BTreeSet<NodeGroupId>) -> Result<Arc<List>> {
        let mut state = self.0.lock().await;
        state.follow(app).await?;
        let (now, key) = (app.now(), groups.iter().copied().collect::<Vec<_>>());
        let versions: Vec<u64> = key.iter().map(|group| state.versions.get(group).copied().unwrap_or(0)).collect();
        if let Some(made) = state.lists.get(&key)
            && made.versions == versions
            && made.good_until.is_none_or(|at| now < at)
        {
            return Ok(Arc::clone(&made.list));
        }
        let made = state.make(&key, versions, now);
        let list = Arc::clone(&made.list);
        if state.lists.len() >= MAX_LISTS {
            state.lists.clear();
        }
        state.lists.insert(key, made);
        Ok(list)
    }

    /// Those of some accounts that are members of the groups, eligible or not any more: who may be charged.
    pub async fn members(
        &self,
        app: &App,
        groups: &BTreeSet<NodeGroupId>,
        accounts: impl Iterator<Item = AccountId>,
    ) -> Result<BTreeSet<AccountId>> {
        let mut state = self.0.lock().await;
        state.follow(app).await?;
        let is_member = |id: &AccountId| state.members.get(id).is_some_and(|member| groups.contains(&member.group));
        Ok(accounts.filter(is_member).collect())
    }
}

impl State {
    /// Takes in what changed since the last time.
    async fn follow(&mut self, app: &App) -> Result<()> {
        let (mut all, mut some) = (false, BTreeSet::new());
        match &mut self.feed {
            // Subscribe first, load everybody second.
            feed @ None => {
                *feed = Some(app.live().user_changes());
                all = true;
            }
            Some(feed) => {
                while let Some(change) = feed.try_next() {
                    match change {
                        UserChange::All => all = true,
                        UserChange::Some(ids) => some.extend(ids),
                    }
                }
            }
        }
        let result = self.read(app, all, &some).await;
        if result.is_err() {
            // What the feed told is lost: begin anew.
            self.feed = None;
        }
        result
    }

    async fn read(&mut self, app: &App, all: bool, some: &BTreeSet<AccountId>) -> Result<()> {
        if all {
            let users = user::all(app).await?;
            let found: BTreeSet<AccountId> = users.iter().map(|user| user.account_id).collect();
            let gone: Vec<_> = self.members.keys().filter(|id| !found.contains(id)).copied().collect();
            for id in gone {
                self.put(id, None);
            }
            for user in &users {
                self.put(user.account_id, Member::of(user).as_ref());
            }
        } else if !some.is_empty() {
            let ids: Vec<AccountId> = some.iter().copied().collect();
            let users = user::some(app, &ids).await?;
            let found: BTreeSet<AccountId> = users.iter().map(|user| user.account_id).collect();
            for id in some.difference(&found) {
                self.put(*id, None);
            }
            for user in &users {
                self.put(user.account_id, Member::of(user).as_ref());
            }
        }
        Ok(())
    }

    fn put(&mut self, id: AccountId, member: Option<&Member>) {
        let old = match member {
            Some(member) => self.members.insert(id, member.clone()),
            None => self.members.remove(&id),
        };
        if old.as_ref() == member {
            return;
        }
        let was = old.as_ref().map(|member| member.group);
        let is = member.map(|member| member.group);
        if was != is {
            if let Some(group) = was.and_then(|group| self.groups.get_mut(&group)) {
                group.remove(&id);
            }
            if let Some(group) = is {
                self.groups.entry(group).or_default().insert(id);
            }
        }
        for group in was.into_iter().chain(is) {
            *self.versions.entry(group).or_default() += 1;
        }
    }

    fn make(&self, groups: &[NodeGroupId], versions: Vec<u64>, now: Millis) -> Made {
        let mut ids: Vec<AccountId> =
            groups.iter().filter_map(|group| self.groups.get(group)).flatten().copied().collect();
        ids.sort_unstable();
        let mut good_until: Option<Millis> = None;
        let mut users = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(member) = self.members.get(&id).filter(|member| member.is_in) else { continue };
            if let Some(at) = member.expires_at {
                if at <= now {
                    continue;
                }
                good_until = Some(good_until.map_or(at, |until| until.min(at)));
            }
            users.push(NodeUser {
                id: id.0,
                uuid: member.uuid,
                speed_limit: member.speed_limit,
                device_limit: member.device_limit,
            });
        }
        Made { list: Arc::new(List::new(users)), versions, good_until }
    }
}
