#include "tests/benchmark/device_gaps.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "model/base/mutex.h"

namespace radio {
namespace {

struct Batch {
  c10::Event begin;
  std::optional<c10::Event> end;
};

// The profiler's callbacks are plain functions. Batches are handed to the device one after the
// other, so begins and ends take turns.
struct Marks {
  Mutex mutex;
  std::optional<c10::Device> device ABSL_GUARDED_BY(mutex);
  std::vector<Batch> batches ABSL_GUARDED_BY(mutex);
};

Marks& AllMarks() {
  static auto* const marks = new Marks();
  return *marks;
}

c10::Event Mark(c10::Device device) {
  c10::Event event(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  event.record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
  return event;
}

std::unique_ptr<at::ObserverContext> Begin(const at::RecordFunction& call) {
  if (std::strcmp(call.name(), "radio::patchify") == 0) {
    Marks& marks = AllMarks();
    MutexLock lock(&marks.mutex);
    marks.batches.push_back({Mark(*marks.device), std::nullopt});
  }
  return nullptr;
}

void End(const at::RecordFunction& call, at::ObserverContext*) {
  if (std::strcmp(call.name(), "radio::gather_outputs") != 0) return;
  Marks& marks = AllMarks();
  MutexLock lock(&marks.mutex);
  if (!marks.batches.empty()) marks.batches.back().end = Mark(*marks.device);
}

at::CallbackHandle Observe(c10::Device device) {
  Marks& marks = AllMarks();
  MutexLock lock(&marks.mutex);
  const c10::DeviceGuard on_device(device);
  marks.device = device;
  marks.batches.clear();
  return at::addGlobalCallback(
      at::RecordFunctionCallback(Begin, End).scopes({at::RecordScope::FUNCTION}));
}

}  // namespace

DeviceGaps::DeviceGaps(c10::Device device) : handle_(Observe(device)) {}

DeviceGaps::~DeviceGaps() { at::removeCallback(handle_); }

std::optional<double> DeviceGaps::IdleShare() const {
  Marks& marks = AllMarks();
  MutexLock lock(&marks.mutex);
  const std::vector<Batch>& batches = marks.batches;
  if (batches.size() < 2 || !batches.back().end.has_value()) return std::nullopt;
  double idle = 0;
  for (size_t i = 1; i < batches.size(); ++i) {
    idle += batches[i - 1].end->elapsedTime(batches[i].begin);
  }
  return idle / batches.front().begin.elapsedTime(*batches.back().end);
}

}  // namespace radio
