//! What goes into a statement and what comes out.

use gatehouse_model::{
    AccessRequestId, AccountId, ApiTokenId, AuthServerId, BillingFieldId, BillingGroupId, BillingServiceId,
    BillingSubscriptionId, Bytes, CommandRuleId, HostKeyId, JobId, LedgerAccountId, LedgerEntryId, LoginSessionId,
    Millis, Money, NasId, NodeGroupId, NodeId, NodeRouteId, OaUserId, PanelArticleId, PanelCouponId, PanelGiftCodeId,
    PanelGiftTemplateId, PanelGiftUsageId, PanelInviteCodeId, PanelNoticeId, PanelOrderId, PanelTicketId,
    PanelTicketMessageId, PaymentAttemptId, PaymentChannelId, PlanId, ProtocolId, ResourceGroupId, ResourceId, RoleId,
    SshKeyId, StatementId, VisitId, VoucherId, VpnGroupId, VpnPolicySetId, VpnResourceGroupId, VpnResourceId,
    VpnRoleId,
};
use sqlx::error::BoxDynError;
use sqlx::{Arguments, Database, Encode, FromRow, Type, postgres::PgRow, sqlite::SqliteRow};

/// A row that both drivers can decode: `#[derive(sqlx::FromRow)]` or a tuple.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A nullable value of one of the five column types, so that NULL has a type on PostgreSQL too.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `INTEGER`, `BIGINT`.
    Int(Option<i64>),
    /// `TEXT`.
    Text(Option<String>),
    /// `BLOB`, `BYTEA`.
    Blob(Option<Vec<u8>>),
    /// `INTEGER` of 0 and 1, `BOOLEAN`.
    Bool(Option<bool>),
    /// `REAL`, `DOUBLE PRECISION`.
    Real(Option<f64>),
}

/// The arguments of one statement, in the order of its parameters; made by [`args!`](crate::args!).
pub type Args = Vec<Value>;

/// Lists the arguments of a statement: `args![id, name, Option::<i64>::None]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { ::std::vec![$($crate::Value::from($value)),*] };
}

macro_rules! values {
    ($($from:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }

        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

values! {
    i64 => Int(std::convert::identity),
    f64 => Real(std::convert::identity),
    bool => Bool(std::convert::identity),
    String => Text(std::convert::identity),
    &String => Text(String::clone),
    &str => Text(str::to_owned),
    Vec<u8> => Blob(std::convert::identity),
    &[u8] => Blob(<[u8]>::to_vec),
    AccountId => Int(|id: AccountId| id.0),
    ApiTokenId => Int(|id: ApiTokenId| id.0),
    JobId => Int(|id: JobId| id.0),
    LoginSessionId => Int(|id: LoginSessionId| id.0),
    NodeGroupId => Int(|id: NodeGroupId| id.0),
    NodeId => Int(|id: NodeId| id.0),
    NodeRouteId => Int(|id: NodeRouteId| id.0),
    OaUserId => Int(|id: OaUserId| id.0),
    RoleId => Int(|id: RoleId| id.0),
    AccessRequestId => Int(|id: AccessRequestId| id.0),
    CommandRuleId => Int(|id: CommandRuleId| id.0),
    HostKeyId => Int(|id: HostKeyId| id.0),
    ProtocolId => Int(|id: ProtocolId| id.0),
    ResourceGroupId => Int(|id: ResourceGroupId| id.0),
    ResourceId => Int(|id: ResourceId| id.0),
    SshKeyId => Int(|id: SshKeyId| id.0),
    VisitId => Int(|id: VisitId| id.0),
    VoucherId => Int(|id: VoucherId| id.0),
    AuthServerId => Int(|id: AuthServerId| id.0),
    NasId => Int(|id: NasId| id.0),
    VpnGroupId => Int(|id: VpnGroupId| id.0),
    VpnPolicySetId => Int(|id: VpnPolicySetId| id.0),
    VpnResourceGroupId => Int(|id: VpnResourceGroupId| id.0),
    VpnResourceId => Int(|id: VpnResourceId| id.0),
    VpnRoleId => Int(|id: VpnRoleId| id.0),
    BillingFieldId => Int(|id: BillingFieldId| id.0),
    BillingGroupId => Int(|id: BillingGroupId| id.0),
    BillingServiceId => Int(|id: BillingServiceId| id.0),
    BillingSubscriptionId => Int(|id: BillingSubscriptionId| id.0),
    LedgerAccountId => Int(|id: LedgerAccountId| id.0),
    LedgerEntryId => Int(|id: LedgerEntryId| id.0),
    PaymentAttemptId => Int(|id: PaymentAttemptId| id.0),
    PlanId => Int(|id: PlanId| id.0),
    PanelArticleId => Int(|id: PanelArticleId| id.0),
    PanelGiftCodeId => Int(|id: PanelGiftCodeId| id.0),
    PanelGiftTemplateId => Int(|id: PanelGiftTemplateId| id.0),
    PanelGiftUsageId => Int(|id: PanelGiftUsageId| id.0),
    PanelNoticeId => Int(|id: PanelNoticeId| id.0),
    PanelTicketId => Int(|id: PanelTicketId| id.0),
    PanelTicketMessageId => Int(|id: PanelTicketMessageId| id.0),
    PanelCouponId => Int(|id: PanelCouponId| id.0),
    PanelInviteCodeId => Int(|id: PanelInviteCodeId| id.0),
    PanelOrderId => Int(|id: PanelOrderId| id.0),
    PaymentChannelId => Int(|id: PaymentChannelId| id.0),
    StatementId => Int(|id: StatementId| id.0),
    Millis => Int(|at: Millis| at.0),
    Bytes => Int(|count: Bytes| count.0),
    Money => Int(|amount: Money| amount.0),
}

/// Encodes arguments for one driver.
pub(crate) fn encode<DB>(args: Args) -> Result<DB::Arguments, BoxDynError>
where
    DB: Database,
    Option<i64>: Encode<'static, DB> + Type<DB>,
    Option<String>: Encode<'static, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'static, DB> + Type<DB>,
    Option<bool>: Encode<'static, DB> + Type<DB>,
    Option<f64>: Encode<'static, DB> + Type<DB>,
{
    let mut encoded = DB::Arguments::default();
    encoded.reserve(args.len(), args.len() * size_of::<i64>());
    for value in args {
        match value {
            Value::Int(v) => encoded.add(v),
            Value::Text(v) => encoded.add(v),
            Value::Blob(v) => encoded.add(v),
            Value::Bool(v) => encoded.add(v),
            Value::Real(v) => encoded.add(v),
        }?;
    }
    Ok(encoded)
}
