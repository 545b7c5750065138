"""Upper limits: CLs, asymptotic and with toys."""
