CREATE INDEX api_key_by_name ON api_key (workspace, sort, id);
CREATE INDEX member_by_name ON member (workspace, sort, id);
CREATE INDEX member_by_identity ON member USING gin (subject_hashes);
CREATE INDEX team_by_name ON team (workspace, sort, id);
CREATE INDEX team_by_member ON team USING gin (members);
CREATE INDEX contact_by_name ON contact (workspace, sort, id);
CREATE INDEX contact_by_owner ON contact USING gin (owners);
CREATE INDEX ticket_by_subject ON ticket (workspace, sort, id);
