//! Links, addresses and default routes over rtnetlink.
