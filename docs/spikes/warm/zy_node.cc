/* SPDX-License-Identifier: MIT */
/* Spike: Node. An add-on for the installed node, with zygote.c preloaded. */
#include <node.h>
#include <unistd.h>
#include <uv.h>
#include <v8-platform.h>

#include <cstdio>

extern "C" {
#include "zygote.h"
int RAND_poll(void); /* node exports its OpenSSL */
}

namespace node::per_process
{
extern uint64_t node_start_time; /* process.uptime() */
}
namespace v8::base
{
class RandomNumberGenerator
{
      public:
	void SetSeed(int64_t);
};
} // namespace v8::base
namespace v8::internal
{
class Isolate
{
      public:
	v8::base::RandomNumberGenerator *random_number_generator();
};
class V8
{
      public:
	static v8::Platform *GetCurrentPlatform();
	static void SetPlatformForTesting(v8::Platform *);
};
} // namespace v8::internal

/* Even with --single-threaded a full collection posts jobs to the platform's threads, which a run does not have: it would wait for them for ever. */
struct Delegate : v8::JobDelegate {
	bool ShouldYield() override { return false; }
	void NotifyConcurrencyIncrease() override {}
	uint8_t GetTaskId() override { return 0; }
	bool IsJoiningThread() const override { return true; }
};
struct InlineJob : v8::JobHandle {
	std::unique_ptr<v8::JobTask> t;
	explicit InlineJob(std::unique_ptr<v8::JobTask> x) : t(std::move(x)) {}
	void NotifyConcurrencyIncrease() override {}
	void Join() override
	{
		Delegate d;
		while (t && t->GetMaxConcurrency(0) > 0) t->Run(&d);
		t.reset();
	}
	void Cancel() override { t.reset(); }
	void CancelAndDetach() override { t.reset(); }
	bool IsActive() override { return t && t->GetMaxConcurrency(0) > 0; }
	bool IsValid() override { return !!t; }
};
struct Single : v8::Platform {
	v8::Platform *p;
	explicit Single(v8::Platform *x) : p(x) {}
	v8::PageAllocator *GetPageAllocator() override { return p->GetPageAllocator(); }
	v8::ZoneBackingAllocator *GetZoneBackingAllocator() override { return p->GetZoneBackingAllocator(); }
	void OnCriticalMemoryPressure() override { p->OnCriticalMemoryPressure(); }
	int NumberOfWorkerThreads() override { return 0; }
	std::shared_ptr<v8::TaskRunner> GetForegroundTaskRunner(v8::Isolate *i) override { return p->GetForegroundTaskRunner(i); }
	void CallOnWorkerThread(std::unique_ptr<v8::Task> t) override
	{
		auto i = v8::Isolate::TryGetCurrent();
		if (i)
			p->GetForegroundTaskRunner(i)->PostTask(std::move(t));
		else
			t->Run();
	}
	void CallDelayedOnWorkerThread(std::unique_ptr<v8::Task> t, double d) override
	{
		auto i = v8::Isolate::TryGetCurrent();
		if (i)
			p->GetForegroundTaskRunner(i)->PostDelayedTask(std::move(t), d);
		else
			t->Run();
	}
	bool IdleTasksEnabled(v8::Isolate *i) override { return p->IdleTasksEnabled(i); }
	std::unique_ptr<v8::JobHandle> CreateJob(v8::TaskPriority, std::unique_ptr<v8::JobTask> t) override
	{
		return std::make_unique<InlineJob>(std::move(t));
	}
	double MonotonicallyIncreasingTime() override { return p->MonotonicallyIncreasingTime(); }
	double CurrentClockTimeMillis() override { return p->CurrentClockTimeMillis(); }
	StackTracePrinter GetStackTracePrinter() override { return p->GetStackTracePrinter(); }
	v8::TracingController *GetTracingController() override { return p->GetTracingController(); }
};

static uv_loop_t *loop;
static uv_idle_t idle;
static v8::Global<v8::Function> setup, run_main;
static v8::Global<v8::Value> module;

static pid_t fork_node(void)
{
	pid_t p = fork();
	if (p == 0) uv_loop_fork(loop);
	return p;
}

static v8::Local<v8::Value> words(v8::Isolate *i, v8::Local<v8::Context> c, char **v, int from)
{
	v8::Local<v8::Array> a = v8::Array::New(i);
	for (int k = from; v[k]; k++) a->Set(c, (uint32_t)(k - from), v8::String::NewFromUtf8(i, v[k]).ToLocalChecked()).Check();
	return a;
}

/* From the event loop, so that no frame of ours is below the program. Does not return to it. */
static void serve(uv_idle_t *)
{
	auto i = v8::Isolate::GetCurrent();
	v8::HandleScope scope(i);
	uv_idle_stop(&idle);
	uv_close((uv_handle_t *)&idle, nullptr);
	zy_sub(true, fork_node);
	zy_serve(fork_node);

	/* ---- the run */
	auto c = setup.Get(i)->GetCreationContext().ToLocalChecked();
	v8::Context::Scope in(c);
	auto env = node::GetCurrentEnvironment(c);
	/* process.exit() and fatal exceptions; what follows in node would join threads that are not there. */
	node::SetProcessExitHandler(env, [](node::Environment *, int code) {
		fflush(nullptr);
		_exit(code);
	});
	/* What Math.random() of every context is seeded from. Not --random-seed: with it all contexts and workers of a run would give the same numbers. */
	int64_t seed;
	zy_random(&seed, sizeof seed);
	reinterpret_cast<v8::internal::Isolate *>(i)->random_number_generator()->SetSeed(seed);
	RAND_poll();
	node::per_process::node_start_time = uv_hrtime();
	v8::Local<v8::Value> args[] = {words(i, c, zy_argv, 1)};
	v8::Local<v8::Value> file;
	{ /* in a scope of its own, or it would swallow what the program does not catch */
		v8::TryCatch caught(i);
		if (!setup.Get(i)->Call(c, c->Global(), 1, args).ToLocal(&file)) {
			v8::String::Utf8Value text(i, caught.StackTrace(c).FromMaybe(caught.Exception()));
			zy_fail(*text);
		}
	}
	uv_update_time(loop);
	zy_seal();
	v8::Local<v8::Function> f = run_main.Get(i);
	v8::Local<v8::Value> main_args[] = {module.Get(i), file};
	node::MakeCallback(i, c->Global(), f, 2, main_args, node::async_context{1, 0});
	int code = 0;
	if (!node::SpinEventLoop(env).To(&code)) code = 1;
	fflush(nullptr);
	_exit(code);
}

static void start(const v8::FunctionCallbackInfo<v8::Value> &info)
{
	auto i = info.GetIsolate();
	setup.Reset(i, info[0].As<v8::Function>());
	run_main.Reset(i, info[1].As<v8::Function>());
	module.Reset(i, info[2]);
	loop = node::GetCurrentEventLoop(i);
	uv_idle_init(loop, &idle);
	uv_idle_start(&idle, serve);
}

static void single(const v8::FunctionCallbackInfo<v8::Value> &)
{
	v8::internal::V8::SetPlatformForTesting(new Single(v8::internal::V8::GetCurrentPlatform()));
}

NODE_MODULE_INIT()
{
	NODE_SET_METHOD(exports, "start", start);
	NODE_SET_METHOD(exports, "single", single);
}
