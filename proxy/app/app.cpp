#include "proxy/app/app.hpp"

#include "proxy/app/command_line.hpp"
#include "proxy/app/control_plane.hpp"
#include "proxy/app/version.hpp"
#include "proxy/base/log.hpp"
#include "proxy/io/file_thread.hpp"
#include "proxy/io/process.hpp"

namespace outrigger::app {

int run_app(config::Loaded loaded) {
  io::FileThread disk;
  const log::To standard_error(disk.standard_error());
  const uint64_t descriptors = io::raise_descriptor_limit();
  log::info("starting", {{"version", kVersion},
                         {"services", static_cast<int64_t>(loaded.config.services.size())},
                         {"descriptors", static_cast<int64_t>(descriptors)}});
  ControlPlane control(std::move(loaded), disk);
  if (const auto started = control.start(); !started) {
    log::error("cannot start", {{"why", started.error()}});
    return kExitFailed;
  }
  log::info("ready");
  const int reset = control.run();
  log::info("ended", {{"calls_reset", static_cast<int64_t>(reset)}});
  return kExitOk;
}

}  // namespace outrigger::app
