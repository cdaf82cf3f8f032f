//! Kinds of rows of the statement: the numbers of specs/billing.md §6.3. Published names: additions only.

/// Cash.
pub const CASH: i64 = 1;
/// Bonus.
pub const BONUS: i64 = 2;
/// Temporary payment: credit.
pub const CREDIT: i64 = 3;
/// Paid through a payment system; negative: reversed.
pub const PAID: i64 = 20;
/// Transfer in.
pub const TRANSFER_IN: i64 = 30;
/// Bonus service.
pub const BONUS_SERVICE: i64 = 50;
/// Scratch card.
pub const CARD: i64 = 99;
/// Charge for a service.
pub const CHARGE: i64 = 100;
/// Transfer out.
pub const TRANSFER_OUT: i64 = 130;
/// A temporary payment that was taken back.
pub const CREDIT_ENDED: i64 = 200;
/// An account that was deleted.
pub const DELETED: i64 = 220;
/// A wrong card code.
pub const BAD_CARD: i64 = 305;
/// A service that was finished early.
pub const FINISHED_EARLY: i64 = 406;
/// An account that was changed.
pub const CHANGED: i64 = 410;
/// An account that was created.
pub const CREATED: i64 = 411;
/// Extra data that were changed.
pub const DATA_CHANGED: i64 = 412;
/// Blocked for debt.
pub const DEBT_BLOCK: i64 = 423;
/// A payment request.
pub const ORDER: i64 = 444;
/// A request that was accepted and waits.
pub const ORDER_WAITING: i64 = 445;
/// A payment that failed.
pub const ORDER_FAILED: i64 = 446;
/// May not order services.
pub const NO_ORDERING: i64 = 450;
/// May not send messages.
pub const NO_MESSAGES: i64 = 451;
/// Message to the subscriber.
pub const MESSAGE: i64 = 480;
/// One that he has read.
pub const MESSAGE_READ: i64 = 481;
/// One that blocks access until it is read.
pub const MESSAGE_BLOCKING: i64 = 482;
/// Message to many subscribers.
pub const BROADCAST: i64 = 488;
/// Message from the subscriber.
pub const FROM_USER: i64 = 491;
/// One that was answered.
pub const FROM_USER_ANSWERED: i64 = 492;
