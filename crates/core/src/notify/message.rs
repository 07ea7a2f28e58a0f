//! What is to be told, and what is known of whoever is told.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Category, ChannelId, MessageId, QuietHours};
use crate::time::Timestamp;

/// Something that somebody is to be told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message<R> {
    /// Its name, for ever: derive it from what happened, so that telling it again is seen to be so.
    pub id: MessageId,
    /// Whom: an opaque reference. What a channel needs to reach them, it looks up.
    pub to: R,
    /// What it is about.
    pub category: Category,
    /// Whether it heeds neither preferences nor quiet hours, and goes before others.
    pub critical: bool,
    /// From this time on it is of no use and is not sent any more. [`Timestamp::NEVER`]: always is.
    pub useful_until: Timestamp,
    /// What is told, in a form that the channels understand.
    pub body: String,
}

/// What is known of a recipient when a message is submitted. Unless it is said, somebody is not
/// active, refuses nothing and has no quiet hours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Whether they are using the app.
    pub active: bool,
    /// What they do not want, and where they do not want it.
    pub refused: BTreeSet<(Category, ChannelId)>,
    /// When they want to be left alone.
    pub quiet: Option<QuietHours>,
}
