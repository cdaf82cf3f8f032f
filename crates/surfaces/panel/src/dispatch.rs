//! Which endpoints there are, and which one a path means.

use std::{collections::HashMap, sync::OnceLock};

use crate::{
    admin, client, endpoint::Endpoint, gift, guest, invite, knowledge, module, node, order, passport, plan, ticket,
    user,
};

const AREAS: &[&[Endpoint]] = &[
    passport::ENDPOINTS,
    user::ENDPOINTS,
    guest::ENDPOINTS,
    invite::ENDPOINTS,
    plan::ENDPOINTS,
    order::ENDPOINTS,
    ticket::ENDPOINTS,
    knowledge::ENDPOINTS,
    gift::ENDPOINTS,
    module::ENDPOINTS,
    client::ENDPOINTS,
    node::ENDPOINTS,
    admin::ENDPOINTS,
    admin::mail::ENDPOINTS,
    admin::plan::ENDPOINTS,
    admin::order::ENDPOINTS,
    admin::coupon::ENDPOINTS,
    admin::payment::ENDPOINTS,
    admin::gift::ENDPOINTS,
    admin::notice::ENDPOINTS,
    admin::knowledge::ENDPOINTS,
    admin::ticket::ENDPOINTS,
    admin::node::ENDPOINTS,
    admin::user::ENDPOINTS,
    admin::stat::ENDPOINTS,
    admin::system::ENDPOINTS,
];

/// Every endpoint.
pub(crate) fn all() -> impl Iterator<Item = &'static Endpoint> {
    AREAS.iter().copied().flatten()
}

/// What a path means.
pub(crate) struct Found {
    /// Endpoints of this path, one for each method at most.
    pub(crate) endpoints: Vec<&'static Endpoint>,
    /// Parts of the path that are parameters.
    pub(crate) parts: Vec<String>,
}

/// The endpoints at a path below `/api/`, the secure path of which stands as `{sp}`.
pub(crate) fn find(path: &str) -> Option<Found> {
    let (exact, patterns) = tables();
    if let Some(endpoints) = exact.get(path) {
        return Some(Found { endpoints: endpoints.clone(), parts: Vec::new() });
    }
    let (pattern, parts) = patterns.iter().find_map(|pattern| matched(pattern, path).map(|parts| (*pattern, parts)))?;
    let endpoints = all().filter(|endpoint| endpoint.path == pattern).collect();
    Some(Found { endpoints, parts })
}

type Tables = (HashMap<&'static str, Vec<&'static Endpoint>>, Vec<&'static str>);

fn tables() -> &'static Tables {
    static TABLES: OnceLock<Tables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut exact: HashMap<&'static str, Vec<&'static Endpoint>> = HashMap::new();
        let mut patterns = Vec::new();
        for endpoint in all() {
            if endpoint.path.replace("{sp}", "").contains('{') {
                patterns.push(endpoint.path);
            } else {
                exact.entry(endpoint.path).or_default().push(endpoint);
            }
        }
        patterns.dedup();
        (exact, patterns)
    })
}

/// The parts of a path that stand where the pattern has names.
fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parts),
            (Some(name), Some(part)) if name.starts_with('{') && name != "{sp}" && !part.is_empty() => {
                parts.push(part.to_owned());
            }
            (Some(name), Some(part)) if name == part => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_its_parts_and_nothing_else() {
        assert_eq!(matched("v1/{sp}/realname/review/{id}", "v1/{sp}/realname/review/7"), Some(vec!["7".to_owned()]));
        assert_eq!(matched("v1/{sp}/realname/review/{id}", "v1/{sp}/realname/review/"), None);
        assert_eq!(matched("v1/a/{id}", "v1/a/7/8"), None);
        assert_eq!(matched("v1/a/{id}", "v1/b/7"), None);
    }

    #[test]
    fn no_two_endpoints_answer_the_same_call() {
        for endpoint in all() {
            let same: Vec<&Endpoint> = all().filter(|other| other.path == endpoint.path).collect();
            let taken = [http::Method::GET, http::Method::POST]
                .map(|method| same.iter().filter(|other| other.verb.takes(&method)).count());
            assert!(taken.iter().all(|count| *count <= 1), "{} is answered twice", endpoint.path);
        }
    }
}
