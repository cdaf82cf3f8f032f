//! One server for one SQLite file: whoever starts takes over what is open, which must not be somebody else's.

use std::fs::{File, TryLockError};

use anyhow::{Context, bail};

use crate::config::Config;

/// Held while the process serves; the system gives it back however the process ends.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Closing it ends the lock.
    _file: Option<File>,
}

impl Lock {
    /// Takes `serve.lock` in the data directory. Servers over one PostgreSQL need none: they tell each other apart.
    pub(crate) fn take(config: &Config) -> anyhow::Result<Self> {
        if !config.database_url().starts_with("sqlite:") {
            return Ok(Self { _file: None });
        }
        config.make_data_dir()?;
        let path = config.data_dir.join("serve.lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.with_context(|| format!("cannot open {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another gatehouse serves {} already; stop it, or choose another --data-dir",
                    config.data_dir.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
        }
    }
}
