# -*- coding: utf-8 -*-
print("grüße")
