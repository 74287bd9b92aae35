-- Who made a token, as the audit trail names them; of tokens from before this, what the audit trail still knows.
alter table token add column created_by text;
update token set created_by = coalesce(
    (select max(a.actor) from audit a where a.object = 'key/' || token.id and a.action = 'token.create'),
    (select max(a.actor) from tenant t join audit a on a.object = t.name || '/token/' || token.id and a.action = 'token.create'
     where t.id = token.tenant),
    (select max(a.actor) from token o join tenant t on t.id = o.tenant
     join audit a on a.object = t.name || '/token/' || o.id and a.action = 'token.rotate'
     where o.rotated_to = token.id));
