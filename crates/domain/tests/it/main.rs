//! Stories of the domain, each on SQLite and on PostgreSQL, through the real application.

/// Expands a story to both engines.
macro_rules! both {
    ($name:ident, |$engine:ident| $story:expr) => {
        mod $name {
            use super::*;

            async fn told(engine: gatehouse_testkit::Engine) -> anyhow::Result<()> {
                let $engine = engine;
                $story.await
            }

            #[tokio::test]
            async fn sqlite() {
                told(gatehouse_testkit::Engine::Sqlite).await.unwrap();
            }

            #[tokio::test]
            async fn postgres() {
                told(gatehouse_testkit::Engine::Postgres).await.unwrap();
            }
        }
    };
}

#[cfg(test)]
mod account;
#[cfg(test)]
mod apply;
#[cfg(test)]
mod apply_bastion;
#[cfg(test)]
mod apply_billing;
#[cfg(test)]
mod apply_law;
#[cfg(test)]
mod apply_refusal;
#[cfg(test)]
mod apply_vpn;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod bastion;
#[cfg(test)]
mod bastion_access;
#[cfg(test)]
mod bastion_parallel;
#[cfg(test)]
mod bastion_resource;
#[cfg(test)]
mod billing_credit;
#[cfg(test)]
mod billing_field;
#[cfg(test)]
mod billing_import;
#[cfg(test)]
mod billing_main;
#[cfg(test)]
mod billing_message;
#[cfg(test)]
mod billing_people;
#[cfg(test)]
mod billing_random;
#[cfg(test)]
mod billing_renew;
#[cfg(test)]
mod billing_services;
#[cfg(test)]
mod billing_session;
#[cfg(test)]
mod billing_staff_payment;
#[cfg(test)]
mod billing_subscriber;
#[cfg(test)]
mod billing_town;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod live;
#[cfg(test)]
mod login;
#[cfg(test)]
mod oa;
#[cfg(test)]
mod oa_import;
#[cfg(test)]
mod payment;
#[cfg(test)]
mod payment_card;
#[cfg(test)]
mod payment_fault;
#[cfg(test)]
mod payment_shop;
#[cfg(test)]
mod payment_transfer;
#[cfg(test)]
mod people;
#[cfg(test)]
mod picture;
#[cfg(test)]
mod push;
#[cfg(test)]
mod radius;
#[cfg(test)]
mod radius_accounting;
#[cfg(test)]
mod radius_admit;
#[cfg(test)]
mod radius_outbox;
#[cfg(test)]
mod radius_subscriber;
#[cfg(test)]
mod recording;
#[cfg(test)]
mod role;
#[cfg(test)]
mod role_grant;
#[cfg(test)]
mod session;
#[cfg(test)]
mod staff;
#[cfg(test)]
mod throttle;
#[cfg(test)]
mod trail;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod vpn_group;
#[cfg(test)]
mod vpn_login;
#[cfg(test)]
mod vpn_people;
#[cfg(test)]
mod vpn_publish;
#[cfg(test)]
mod vpn_role;
#[cfg(test)]
mod vpn_stay;
#[cfg(test)]
mod vpn_user;
