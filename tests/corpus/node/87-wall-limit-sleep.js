console.log("tick");
setInterval(() => {}, 1000);
