yes and on and on
