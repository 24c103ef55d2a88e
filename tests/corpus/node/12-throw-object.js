class Odd {
	constructor() {
		this.code = 7;
		this.list = [1, 2, { three: 3 }];
	}
}
throw new Odd();
