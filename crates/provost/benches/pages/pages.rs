//! The pages that are measured: every list, order, search and filter that people use.

use crate::operator::Operator;
use crate::people;
use crate::world::World;

pub(crate) struct Page {
    pub(crate) name: &'static str,
    pub(crate) path: String,
    /// The fields of a form, if it is what a form is answered with.
    pub(crate) form: Option<String>,
}

pub(crate) fn all(world: &World, operator: &mut Operator) -> Vec<Page> {
    let page = |name, path: &str| Page { name, path: path.to_owned(), form: None };
    let job = |name, filter: &str| Page {
        name,
        path: "/app/users/bulk".to_owned(),
        form: Some(format!("do=deactivate&everybody=1&{filter}")),
    };
    let user = format!("/app/users/{}", people::id(world.users / 2));
    let group = format!("/app/groups/{}", world.groups[0].1);
    let second = operator.link("/app/users", "after=");
    vec![
        page("overview", "/app"),
        page("users, newest first", "/app/users"),
        page("the second page of it", &second),
        page("users by name", "/app/users?order=name"),
        page("the same from Z to A", "/app/users?order=-name"),
        page("users by their last change", "/app/users?order=changed"),
        page("users, oldest first", "/app/users?order=oldest"),
        page("search for one person", &format!("/app/users?q=person{}", world.users / 2)),
        page("search that nearly everybody fits", "/app/users?q=person"),
        page("search that nobody fits", "/app/users?q=nobody-is-called-so"),
        page("users who are deactivated", "/app/users?active=no"),
        page("active and local users by name", "/app/users?active=yes&source=local&order=name"),
        page("a filter with `co` that nobody fits", "/app/users?filter=title+co+%22nowhere%22"),
        page("a user", &user),
        page("a user's history", &format!("{user}/history")),
        page("groups by name", "/app/groups?order=name"),
        page("the largest group, with its members", &group),
        page("its history", &format!("{group}/history")),
        page("provisioning log", "/app/log"),
        page("the log, refused requests", "/app/log?result=failed"),
        page("the log, a text that is nowhere", "/app/log?text=nowhere-at-all"),
        page("the log by what belongs together", "/app/log?show=chains"),
        page("conflicts", "/app/conflicts"),
        page("plans", "/app/plans"),
        page("search over everything", "/app/search?q=person"),
        job("a job on all who are deactivated, before it is confirmed", "active=no"),
        job("a job on all who have an `externalId`, before it is confirmed", "filter=externalId+pr"),
    ]
}
