//! What accounts the ledger has (specs/billing.md §10).

use gatehouse_model::AccountId;
use gatehouse_store::ledger::AccountKey;

/// One account of the ledger, in some currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Book<'a> {
    /// What an account may spend.
    Wallet(AccountId),
    /// What an account earned by inviting others.
    Commission(AccountId),
    /// What open orders of an account hold of its money.
    Hold(AccountId),
    /// What services earned, by service.
    Revenue(&'a str),
    /// What a channel took in for us: `cash`, `cards`, `fondy`, `liqpay`.
    Clearing(&'a str),
    /// What was given away.
    Bonus,
    /// What temporary payments are owed.
    Credit,
    /// What fees and commissions earned.
    Fee,
    /// What is between two wallets.
    Transfer,
}

impl<'a> Book<'a> {
    /// What it is stored under.
    pub(crate) fn key(self, currency: &'a str) -> AccountKey<'a> {
        let (kind, reference) = match self {
            Self::Wallet(_) => ("wallet", ""),
            Self::Commission(_) => ("commission", ""),
            Self::Hold(_) => ("hold", ""),
            Self::Revenue(service) => ("revenue", service),
            Self::Clearing(channel) => ("clearing", channel),
            Self::Bonus => ("bonus", ""),
            Self::Credit => ("credit", ""),
            Self::Fee => ("fee", ""),
            Self::Transfer => ("transfer", ""),
        };
        AccountKey { kind, currency, owner: self.owner().0, reference }
    }

    /// Whose it is; 0: the house's.
    pub(crate) fn owner(self) -> AccountId {
        match self {
            Self::Wallet(owner) | Self::Commission(owner) | Self::Hold(owner) => owner,
            Self::Revenue(_) | Self::Clearing(_) | Self::Bonus | Self::Credit | Self::Fee | Self::Transfer => {
                AccountId(0)
            }
        }
    }
}
