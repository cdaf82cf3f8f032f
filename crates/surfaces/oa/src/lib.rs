//! The oa surface: the API of django-sspanel-api (vpnHelper).
