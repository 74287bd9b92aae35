-- Sign-ins that were begun and not ended are counted by where they come from.
alter table saml_request add column network text not null default '';
create index saml_request_network on saml_request (network, expires_at);
alter table sign_in_request add column network text not null default '';
create index sign_in_request_network on sign_in_request (network, expires_at);
