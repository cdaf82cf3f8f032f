//! Which methods are in force for a VPN user, and whether a credential satisfies them (specs/vpn.md §6, §10).

use gatehouse_model::{AuthServerId, Secret, VpnPolicySetId};
use gatehouse_radius_wire::{chap, mppe, mschap};
use gatehouse_store::vpn_live::{LiveGroup, LiveUser};

use super::{
    auth_server,
    external::{Answer, AuthServer, Credential, MsChapSuccess, Secret16, ServerKind},
    method::{CERTIFICATE, EXTERNAL, HARDWARE_ID, PASSWORD, SMS, TOKEN},
};
use crate::{Ctx, Result, account::clear, password::Verdict};

/// What counts for a user after inheritance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) methods: i64,
    pub(crate) is_any_of: bool,
    pub(crate) auth_server_id: Option<AuthServerId>,
}

/// The methods in force. `chain` is the user's group and everything above it, the root last.
///
/// The topmost group that forces decides for all below it; else each level hands up as long as it inherits, and the root decides last.
pub(crate) fn in_force(user: &LiveUser, chain: &[LiveGroup]) -> InForce {
    match deciding(user.inherits_auth, chain, |group| group.forces_auth, |group| group.inherits_auth) {
        Some(group) => {
            InForce { methods: group.methods, is_any_of: group.is_any_of, auth_server_id: group.auth_server_id }
        }
        None => InForce { methods: user.methods, is_any_of: user.is_any_of, auth_server_id: user.auth_server_id },
    }
}

/// The policy set in force, by the same rule.
pub(crate) fn policy_set(user_inherits: bool, own: VpnPolicySetId, chain: &[LiveGroup]) -> VpnPolicySetId {
    deciding(user_inherits, chain, |group| group.forces_policy, |group| group.inherits_policy)
        .map_or(own, |group| group.policy_set_id)
}

/// The group that decides; none: the user himself.
fn deciding(
    user_inherits: bool,
    chain: &[LiveGroup],
    forces: impl Fn(&LiveGroup) -> bool,
    inherits: impl Fn(&LiveGroup) -> bool,
) -> Option<&LiveGroup> {
    let forced = chain.iter().rposition(forces);
    if forced.is_none() && !user_inherits {
        return None;
    }
    let above = chain.get(forced.unwrap_or(0)..).unwrap_or_default();
    above.iter().find(|group| !inherits(group)).or(above.last())
}

/// What came of a credential.
#[derive(Debug)]
pub(crate) enum Proof {
    /// It satisfies the methods in force.
    Right(Box<Right>),
    /// It does not: the reason, and what a foreign server said.
    Wrong(&'static str, Option<&'static str>),
}

/// A credential that is right.
#[derive(Debug, Default)]
pub(crate) struct Right {
    /// For MS-CHAPv2.
    pub(crate) success: Option<MsChapSuccess>,
    /// Roles that a foreign server adds.
    pub(crate) roles: Vec<String>,
    /// How long it may be remembered, where a foreign server was asked.
    pub(crate) remember: Option<std::time::Duration>,
    /// What is to be done about the stored password, now that it is known in clear.
    pub(crate) is_upgrade_due: bool,
    /// Whether the account's password was what was right.
    pub(crate) is_password: bool,
}

/// Asks the methods in force. `user_name` is the name as sent, which MS-CHAPv2 counts in; `login` is for foreign servers.
pub(crate) async fn prove(
    ctx: &Ctx,
    user: &LiveUser,
    in_force: InForce,
    credential: &Credential,
    user_name: &str,
) -> Result<Proof> {
    let wants = |method| in_force.methods & method != 0;
    let here = wants(PASSWORD) || wants(EXTERNAL);
    let elsewhere = in_force.methods & (CERTIFICATE | SMS | HARDWARE_ID | TOKEN) != 0;
    if matches!(credential, Credential::Pap(password) if password.expose().is_empty()) {
        return Ok(Proof::Wrong("wrong_password", None));
    }
    if !here {
        return Ok(Proof::Wrong(if elsewhere { "factor_unavailable" } else { "method_not_allowed" }, None));
    }
    let mut right = Right::default();
    let mut refused = None;
    if wants(PASSWORD) {
        match password(ctx, Stored::of(user), credential, user_name).await? {
            Proof::Right(proof) if in_force.is_any_of || !wants(EXTERNAL) && !elsewhere => {
                return Ok(Proof::Right(proof));
            }
            Proof::Right(proof) => right = *proof,
            wrong @ Proof::Wrong(..) if !in_force.is_any_of || !wants(EXTERNAL) => return Ok(wrong),
            wrong @ Proof::Wrong(..) => refused = Some(wrong),
        }
    }
    if elsewhere && !in_force.is_any_of {
        return Ok(Proof::Wrong("factor_unavailable", None));
    }
    match external(ctx, user, in_force, credential, user_name).await? {
        Proof::Right(proof) => {
            let success = proof.success.or(right.success);
            Ok(Proof::Right(Box::new(Right { success, roles: proof.roles, remember: proof.remember, ..right })))
        }
        // The password was tried before; that this server cannot be asked is not the reason.
        wrong @ Proof::Wrong(..) => Ok(match (wrong, refused) {
            (Proof::Wrong("needs_clear_password", _), Some(refused)) => refused,
            (wrong, _) => wrong,
        }),
    }
}

/// A password as it is stored.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    /// Number of the scheme and the hash in its text form.
    pub(crate) hash: Option<(i64, &'a str)>,
    /// Clear copy, sealed.
    pub(crate) clear_sealed: Option<&'a str>,
    /// Row part of its associated data.
    pub(crate) seal_ref: &'a str,
}

impl<'a> Stored<'a> {
    fn of(user: &'a LiveUser) -> Self {
        Self {
            hash: user.password_scheme.zip(user.password_hash.as_deref()),
            clear_sealed: user.password_clear_sealed.as_deref(),
            seal_ref: &user.seal_ref,
        }
    }
}

/// The account's own password.
pub(crate) async fn password(ctx: &Ctx, stored: Stored<'_>, credential: &Credential, user_name: &str) -> Result<Proof> {
    let wrong = Proof::Wrong("wrong_password", None);
    if let Credential::Pap(password) = credential {
        let hash = stored.hash.map(|(scheme, hash)| (scheme, hash.to_owned()));
        let verdict = ctx.app.passwords().verify(password, hash).await?;
        return Ok(match verdict {
            Verdict::Wrong => wrong,
            Verdict::Right => Proof::Right(Box::new(Right { is_password: true, ..Right::default() })),
            Verdict::RightUpgrade => {
                Proof::Right(Box::new(Right { is_password: true, is_upgrade_due: true, ..Right::default() }))
            }
        });
    }
    let Some(sealed) = stored.clear_sealed else {
        return Ok(Proof::Wrong("needs_clear_password", None));
    };
    let clear = clear::open(&ctx.app, stored.seal_ref, sealed)?;
    Ok(match answer(credential, user_name, &clear) {
        Some(success) => Proof::Right(Box::new(Right { success, is_password: true, ..Right::default() })),
        None => wrong,
    })
}

/// Whether a challenge was answered with this password; with what MS-CHAPv2 hands back.
#[expect(clippy::option_option, reason = "right or wrong, and of what is right only MS-CHAPv2 answers")]
fn answer(credential: &Credential, user_name: &str, clear: &Secret) -> Option<Option<MsChapSuccess>> {
    if clear.expose().is_empty() {
        return None;
    }
    match credential {
        Credential::Pap(_) => None,
        Credential::Chap { ident, response, challenge } => {
            let chap = chap::Chap { ident: *ident, response, challenge };
            chap.matches(clear.expose().as_bytes()).then_some(None)
        }
        Credential::MsChap2 { ident, challenge, peer_challenge, nt_response, .. } => {
            let hash = mschap::nt_hash(clear.expose());
            let response = mschap::Response { ident: *ident, peer_challenge, nt_response };
            if !response.matches(challenge, user_name.as_bytes(), &hash) {
                return None;
            }
            let digest = mschap::challenge_hash(peer_challenge, challenge, user_name.as_bytes());
            let master = mppe::master_key(&hash, nt_response);
            let keys = (Secret16(*mppe::send_key(&master)), Secret16(*mppe::recv_key(&master)));
            let response = mschap::authenticator_response(&digest, &hash, nt_response);
            Some(Some(MsChapSuccess { response, keys: Some(keys) }))
        }
    }
}

/// A foreign server.
async fn external(
    ctx: &Ctx,
    user: &LiveUser,
    in_force: InForce,
    credential: &Credential,
    user_name: &str,
) -> Result<Proof> {
    let server = match in_force.auth_server_id {
        Some(id) => auth_server::load(&ctx.app, id).await?,
        None => None,
    };
    let (Some(server), Some(servers)) = (server, ctx.app.external()) else {
        return Ok(Proof::Wrong("external_unreachable", None));
    };
    if matches!(server.kind, ServerKind::Ldap(_)) && !matches!(credential, Credential::Pap(_)) {
        return Ok(Proof::Wrong("needs_clear_password", None));
    }
    // MS-CHAPv2 counts the name as it was sent.
    let name = if matches!(credential, Credential::MsChap2 { .. }) { user_name } else { &user.login };
    let remember = remember(&server);
    Ok(match servers.verify(server, name.to_owned(), credential.clone()).await {
        Answer::Accepted { success, roles } => {
            Proof::Right(Box::new(Right { success, roles, remember: Some(remember), ..Right::default() }))
        }
        Answer::Refused(why) => Proof::Wrong("external_refused", Some(why)),
        Answer::Unreachable => Proof::Wrong("external_unreachable", None),
    })
}

fn remember(server: &AuthServer) -> std::time::Duration {
    match &server.kind {
        ServerKind::Ldap(settings) => settings.remember.0,
        ServerKind::Radius(settings) => settings.remember.0,
    }
}

#[cfg(test)]
mod tests {
    use gatehouse_model::{AccountId, VpnGroupId};

    use super::*;

    fn user(inherits: bool) -> LiveUser {
        LiveUser {
            id: AccountId(7),
            login: "kim".to_owned(),
            is_account_enabled: true,
            password_scheme: None,
            password_hash: None,
            password_clear_sealed: None,
            seal_ref: String::new(),
            language: None,
            vpn_group_id: VpnGroupId(1),
            is_enabled: true,
            is_public: false,
            expires_at: None,
            inherits_auth: inherits,
            inherits_policy: inherits,
            methods: 64,
            is_any_of: false,
            auth_server_id: None,
            policy_set_id: VpnPolicySetId(64),
            fixed_ip: None,
        }
    }

    /// A chain from the user's group up; of each level: what it is, whether it inherits, whether it forces.
    fn chain(levels: &[(i64, bool, bool)]) -> Vec<LiveGroup> {
        let level = |(n, inherits, forces): &(i64, bool, bool)| LiveGroup {
            id: VpnGroupId(*n),
            path: String::new(),
            is_enabled: true,
            inherits_auth: *inherits,
            inherits_policy: *inherits,
            inherits_roles: true,
            forces_auth: *forces,
            forces_policy: *forces,
            methods: *n,
            is_any_of: false,
            auth_server_id: None,
            policy_set_id: VpnPolicySetId(*n),
        };
        levels.iter().map(level).collect()
    }

    #[test]
    fn the_next_level_that_does_not_inherit_decides_and_the_topmost_that_forces_before_it() {
        let decided = |inherits, levels: &[(i64, bool, bool)]| {
            let (user, chain) = (user(inherits), chain(levels));
            let methods = in_force(&user, &chain).methods;
            assert_eq!(policy_set(user.inherits_policy, user.policy_set_id, &chain).0, methods);
            methods
        };
        assert_eq!(decided(false, &[(1, false, false), (2, false, false)]), 64, "his own");
        assert_eq!(decided(true, &[(1, false, false), (2, false, false)]), 1);
        assert_eq!(decided(true, &[(1, true, false), (2, false, false)]), 2);
        assert_eq!(decided(true, &[(1, true, false), (2, true, false)]), 2, "the root decides last");
        assert_eq!(decided(false, &[(1, false, true), (2, false, false)]), 1, "forced");
        assert_eq!(decided(false, &[(1, true, true), (2, false, false)]), 2, "who forces may inherit");
        assert_eq!(decided(false, &[(1, false, true), (2, false, true), (3, false, false)]), 2, "the topmost forces");
        assert_eq!(decided(true, &[]), 64);
    }
}
