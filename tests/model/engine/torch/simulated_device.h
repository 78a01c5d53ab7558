// An accelerator for tests, on any machine.
#ifndef RADIO_TESTS_MODEL_ENGINE_TORCH_SIMULATED_DEVICE_H_
#define RADIO_TESTS_MODEL_ENGINE_TORCH_SIMULATED_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "tests/model/engine/torch/stream_order.h"

namespace radio::simulated_device {

// LibTorch knows it by this name. Its memory is the host's, and all work is done at once by the
// kernels for the CPU; but memory of the one is not accessible as memory of the other, copies from
// pinned memory do not block, and `Order` holds all work against what streams guarantee.
inline constexpr char kName[] = "simulated:1";
// The stream that is current unless a guard sets another.
inline constexpr StreamOrder::Stream kDefaultStream = 0;

// Once per process, before LibTorch is asked for the device.
void Register();

StreamOrder& Order();

// One piece of work: an operator's name, or "upload" or "download" for a copy from or to the host,
// with "blocking" before it if the calling thread has to wait until the stream has done it. "wait":
// the thread waits for an event or a stream.
struct Work {
  std::string what;
  StreamOrder::Stream stream;
};
// Whether it fails as soon as it is used, as a card does that another process has for itself.
void FailToBegin(bool fails);

// The device has no more than this.
void LimitMemory(size_t bytes);

// Time passes on the device's clock, by which each piece of work takes a millisecond.
void Idle(int64_t milliseconds);

// Whether the calling thread waits for the device.
bool Waits(const Work& work);
// Called with each piece before it is done, on the thread that hands it in. Set it while nothing
// runs.
void OnWork(std::function<void(const Work&)> callback);

}  // namespace radio::simulated_device

#endif  // RADIO_TESTS_MODEL_ENGINE_TORCH_SIMULATED_DEVICE_H_
