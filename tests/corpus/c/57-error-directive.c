#if __STDC_VERSION__ > 0
#error this program refuses to be compiled: 100% \n "quoted"
#endif
