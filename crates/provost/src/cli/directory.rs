//! What can be said of people and groups.

use super::ListResources;
use clap::Subcommand;

/// `provost user …`
#[derive(Debug, Subcommand)]
pub enum User {
    /// List people
    #[command(after_help = "\
Examples:
  provost user list
  provost user list --filter 'userName sw \"a\" and active eq true' --limit 20
  provost user list --status suspended
  provost user list --all --json")]
    List {
        /// Only who stands so; newest first
        #[arg(long, value_parser = ["active", "staged", "suspended", "deactivated"], conflicts_with_all = ["sort_by", "start"])]
        status: Option<String>,
        /// Which, and in which order.
        #[command(flatten)]
        which: ListResources,
    },
    /// Show one person as the API does
    Show {
        /// The id, or the userName
        user: String,
    },
    /// Make five sample people and a group, in a directory with nobody in it
    Samples,
    /// Shut the door: active becomes false
    Deactivate {
        /// The id, or the userName
        user: String,
    },
    /// Open it again
    Activate {
        /// The id, or the userName
        user: String,
    },
    /// Say where a person stands beside `active`: not yet at work, held back for a while, or at work
    Status {
        /// The id, or the userName
        user: String,
        /// What holds from now on
        #[arg(value_parser = ["active", "staged", "suspended"])]
        status: String,
    },
    /// Make a person a requester or a technician: their userType says so
    Convert {
        /// The id, or the userName
        user: String,
        /// What they become
        #[arg(value_parser = ["requester", "technician"])]
        to: String,
    },
    /// Make a managed person a local one: the identity provider's id of them goes
    Unlink {
        /// The id, or the userName
        user: String,
    },
    /// Link somebody again who was unlinked: the identity provider manages them as before
    Link {
        /// The id, or the userName
        user: String,
    },
    /// Do something to many people at once, as a job
    #[command(after_help = "\
Examples:
  provost user bulk unlink --filter 'userName ew \"@old.example\"' --wait
  provost user bulk technician --user adam@example.com --user bea@example.com")]
    Bulk {
        /// What is done to each
        #[arg(value_parser = ["activate", "deactivate", "delete", "unlink", "technician", "requester"])]
        what: String,
        /// Everybody whom this SCIM filter fits
        #[arg(long, required_unless_present = "user")]
        filter: Option<String>,
        /// This person, by id or userName, and those who are named besides
        #[arg(long, value_name = "USER", conflicts_with = "filter")]
        user: Vec<String>,
        /// Wait until the job is done
        #[arg(long)]
        wait: bool,
    },
    /// Make a link by which a person chooses a password, for signing in here
    SignInLink {
        /// The id, or the userName
        user: String,
    },
    /// Take a person's password and passkeys away, and sign them out
    ForgetPassword {
        /// The id, or the userName
        user: String,
    },
    /// Delete for good
    Delete {
        /// The id, or the userName
        user: String,
    },
}

/// `provost group …`
#[derive(Debug, Subcommand)]
pub enum Group {
    /// List groups
    List(ListResources),
    /// Show one group without its members
    Show {
        /// The id, or the displayName
        group: String,
    },
    /// List a group's members
    Members {
        /// The id, or the displayName
        group: String,
    },
    /// List members that a push named and that are not provisioned here
    Absent {
        /// The id, or the displayName
        group: String,
        /// Forget the list: somebody has looked at it
        #[arg(long)]
        forget: bool,
    },
    /// Which roles its people have at the application
    #[command(after_help = "\
Examples:
  provost group roles Support
  provost group roles Support --set 'Support agent' --set reader --preview
  provost group roles Support --none")]
    Roles {
        /// The id, or the displayName
        group: String,
        /// They have this role, and those that are set besides, and no others
        #[arg(long, value_name = "ROLE", conflicts_with = "none")]
        set: Vec<String>,
        /// The group gives no role any more
        #[arg(long)]
        none: bool,
        /// Say who would gain and who would lose a role, and change nothing
        #[arg(long)]
        preview: bool,
    },
}
