#include "proxy/app/reloader.hpp"

#include <utility>

#include "proxy/base/json_line.hpp"
#include "proxy/base/log.hpp"

namespace outrigger::app {

Reloader::Reloader(LoopContext loop, ConfigSource source, io::Files& files, NamedFiles& named,
                   admin::Changes& changes, admin::Events& events)
    : x_loop(loop),
      x_source(std::move(source)),
      x_named(named),
      x_changes(changes),
      x_events(events),
      x_files(loop, files, x_source.paths,
              [this](config::Texts texts) { on_changed(std::move(texts)); }) {}

void Reloader::begin(const config::Loaded& first, const config::Texts& texts,
                     const RefusedFiles* refused) {
  x_first_workers = first.config.workers;
  x_state.good_at_ms = x_loop.clock.wall_ms();
  x_state.running_hash = x_state.file_hash = hash_of(texts);
  watch(first.named);
  if (refused != nullptr) {
    log::warning("what runs is the last good configuration");
    x_state.is_last_good = true;
    x_state.file_hash = hash_of(refused->texts);
    note_bad(refused->problems, {"", "start", std::nullopt});
  } else if (x_source.keep_good) {
    x_source.keep_good(texts);
  }
  if (!x_source.paths.empty()) x_files.watch(refused != nullptr ? refused->texts : texts);
}

void Reloader::read_again(const admin::Write& write, Done done) {
  if (x_jobs.size() > 1 && !x_jobs.back().fresh) {
    return x_jobs.back().done.push_back(std::move(done));
  }
  enqueue({write, {std::move(done)}, std::nullopt, {}});
}

void Reloader::take(config::Loaded fresh, const admin::Write& write, Done done) {
  enqueue({write, {std::move(done)}, std::move(fresh), {}});
}

void Reloader::on_changed(config::Texts texts) {
  config::Loaded fresh = load_texts(texts, x_source.variables);
  log::info("the configuration's files have changed");
  enqueue({{"", "file", std::nullopt}, {}, std::move(fresh), std::move(texts)});
}

void Reloader::enqueue(Job job) {
  x_jobs.push_back(std::move(job));
  if (x_jobs.size() == 1) begin_first();
}

void Reloader::begin_first() {
  if (x_jobs.front().fresh) return fetch();
  x_files.read([this](config::Texts texts) { on_texts(std::move(texts)); });
}

void Reloader::on_texts(config::Texts texts) {
  x_jobs.front().fresh = load_texts(texts, x_source.variables);
  x_jobs.front().texts = std::move(texts);
  fetch();
}

void Reloader::fetch() {
  const config::Loaded& fresh = *x_jobs.front().fresh;
  if (!fresh.ok()) {
    admin::Reloaded reloaded;
    reloaded.problems = fresh.problems;
    return finish(reloaded);
  }
  x_named.fetch(fresh.named, [this] { install(); });
}

void Reloader::install() {
  Job& job = x_jobs.front();
  admin::Reloaded reloaded;
  // Threads are made once.
  if (job.fresh->config.workers != x_first_workers) {
    reloaded.awaits_restart.emplace_back("workers");
  }
  const NamedFiles::List named = job.fresh->named;
  admin::Changed changed = x_changes.reload(std::move(*job.fresh), job.write);
  reloaded.awaited = changed.awaited;
  reloaded.problems = std::move(changed.problems);
  if (reloaded.problems.empty()) {
    watch(named);
  } else if (!job.texts.empty()) {
    // A secret that comes after the configuration that names it.
    x_named.await_change(named, [this] { read_again({"", "file", std::nullopt}, {}); });
  }
  finish(reloaded);
}

void Reloader::watch(const NamedFiles::List& named) {
  x_named.watch(named);
  if (x_source.watching) x_source.watching(named);
}

// It stays the first one meanwhile: who is told may ask for another.
void Reloader::finish(const admin::Reloaded& reloaded) {
  const Job job = std::move(x_jobs.front());
  note(reloaded, job);
  for (const Done& done : job.done) {
    if (done) done(reloaded);
  }
  x_jobs.pop_front();
  if (!x_jobs.empty()) begin_first();
}

void Reloader::note(const admin::Reloaded& reloaded, const Job& job) {
  if (!job.texts.empty()) x_state.file_hash = hash_of(job.texts);
  if (!reloaded.problems.empty()) return note_bad(reloaded.problems, job.write);
  x_state.problems.clear();
  x_state.good_at_ms = x_loop.clock.wall_ms();
  x_state.running_hash = x_state.file_hash;
  x_state.awaits_restart = reloaded.awaits_restart;
  x_state.differs_since_ms.reset();
  x_state.is_last_good = false;
  for (const std::string& key : reloaded.awaits_restart) {
    log::warning("not in force before a restart", {{"key", key}});
  }
  if (x_source.keep_good && !job.texts.empty()) x_source.keep_good(job.texts);
}

void Reloader::note_bad(const std::vector<config::Problem>& problems, const admin::Write& write) {
  x_state.problems = problems;
  if (!x_state.differs_since_ms) x_state.differs_since_ms = x_loop.clock.wall_ms();
  for (const config::Problem& problem : problems) {
    log::error("not reloaded", {{"why", config::to_string(problem)}});
  }
  admin::Event event;
  event.kind = "reload_failed";
  event.actor = write.actor;
  event.reason = write.reason;
  append_json_string(event.after, config::to_string(problems.front()));
  x_events.publish(std::move(event));
}

}  // namespace outrigger::app
