//! One file per action, named as on the wire.

pub(crate) mod api_block;
pub(crate) mod api_dopdata;
pub(crate) mod api_pay_add;
pub(crate) mod api_pay_reverse;
pub(crate) mod api_services;
pub(crate) mod api_users;
pub(crate) mod logout;
pub(crate) mod safe_ses;
pub(crate) mod u_aj_accept_msg;
pub(crate) mod u_auth_log;
pub(crate) mod u_cards;
pub(crate) mod u_credit;
pub(crate) mod u_fondy;
pub(crate) mod u_gcm;
pub(crate) mod u_lpay;
pub(crate) mod u_main;
pub(crate) mod u_message;
pub(crate) mod u_pays;
pub(crate) mod u_remitter;
pub(crate) mod u_srv_add;
pub(crate) mod u_srv_select;
pub(crate) mod version;
