#include "tests/model/engine/torch/simulated_device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_native.h>
#include <c10/core/Allocator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "model/base/mutex.h"

namespace radio::simulated_device {
namespace {

constexpr c10::DeviceType kType = c10::DeviceType::PrivateUse1;
constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);
// Not the first of its kind, so that it shows where the current device is taken for it.
const c10::Device kDevice(kType, 1);

thread_local c10::DeviceIndex current_device = 0;
thread_local StreamOrder::Stream current_stream = kDefaultStream;
// Within an operator, whose copies to the CPU's kernels and back no device would make.
thread_local bool within_operator = false;

std::function<void(const Work&)>& Callback() {
  static auto* const callback = new std::function<void(const Work&)>();
  return *callback;
}

std::atomic<int64_t>& DeviceClock() {
  static auto* const milliseconds = new std::atomic<int64_t>(0);
  return *milliseconds;
}

void Enqueue(const std::string& what, const std::vector<StreamOrder::Memory>& reads,
             const std::vector<StreamOrder::Memory>& writes) {
  if (Callback()) Callback()({what, current_stream});
  Order().Enqueue(current_stream, what, reads, writes);
  ++DeviceClock();
}

// --- Memory ---

// The host's memory that the device copies from by itself.
class PinnedMemory : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    auto* const memory = new uint8_t[std::max<size_t>(bytes, 1)];
    return {memory, memory, &Free, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void Free(void* memory) { delete[] static_cast<uint8_t*>(memory); }
};

PinnedMemory& Pinned() {
  static auto* const allocator = new PinnedMemory();
  return *allocator;
}

// The device's. It keeps what is freed, in name, until its cache is emptied.
class OwnMemory : public c10::DeviceAllocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    MutexLock lock(&mutex_);
    TORCH_CHECK_WITH(OutOfMemoryError, allocated_ + bytes <= limit_, "out of memory");
    allocated_ += bytes;
    reserved_ = std::max(reserved_, allocated_);
    auto* const memory = new uint8_t[std::max<size_t>(bytes, 1)];
    sizes_[memory] = bytes;
    Order().Allocate(memory, current_stream);
    return {memory, memory, &Free, kDevice};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &Free; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {
    MutexLock lock(&mutex_);
    reserved_ = allocated_;
  }
  void recordStream(const c10::DataPtr& data, c10::Stream stream) override {
    Order().KeepFor(data.get(), stream.id());
  }
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override {
    MutexLock lock(&mutex_);
    c10::CachingDeviceAllocator::DeviceStats stats;
    stats.allocated_bytes[0].current = static_cast<int64_t>(allocated_);
    stats.reserved_bytes[0].current = static_cast<int64_t>(reserved_);
    return stats;
  }
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override {}

  void Limit(size_t bytes) {
    MutexLock lock(&mutex_);
    limit_ = bytes;
  }

 private:
  static void Free(void* memory);

  Mutex mutex_;
  size_t limit_ ABSL_GUARDED_BY(mutex_) = std::numeric_limits<size_t>::max();
  size_t allocated_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t reserved_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<void*, size_t> sizes_ ABSL_GUARDED_BY(mutex_);
};

OwnMemory& Own() {
  static auto* const allocator = new OwnMemory();
  return *allocator;
}

void OwnMemory::Free(void* memory) {
  OwnMemory& own = Own();
  MutexLock lock(&own.mutex_);
  Order().Free(memory);
  own.allocated_ -= own.sizes_.extract(memory).mapped();
  delete[] static_cast<uint8_t*>(memory);
}

StreamOrder::Memory MemoryOf(const at::Tensor& tensor) { return tensor.storage().data(); }

// --- Copies to the host that nobody has waited for yet ---

struct Download {
  StreamOrder::Stream stream;
  // In the stream's count.
  int64_t number;
  const void* from;
  void* to;
  size_t bytes;
};

class Downloads {
 public:
  // What is read before the copy is waited for is not what was copied.
  void Begin(const at::Tensor& from, const at::Tensor& to) {
    TORCH_CHECK(from.is_contiguous() && to.is_contiguous(), "downloads are of contiguous tensors");
    std::memset(to.mutable_data_ptr(), 0xA5, to.nbytes());
    MutexLock lock(&mutex_);
    under_way_.push_back({current_stream, Order().Record(current_stream)[current_stream],
                          from.const_data_ptr(), to.mutable_data_ptr(), to.nbytes()});
  }

  void End(const StreamOrder::Clock& done) {
    MutexLock lock(&mutex_);
    for (auto it = under_way_.begin(); it != under_way_.end();) {
      const auto count = done.find(it->stream);
      if (count == done.end() || count->second < it->number) {
        ++it;
        continue;
      }
      std::memcpy(it->to, it->from, it->bytes);
      it = under_way_.erase(it);
    }
  }

 private:
  Mutex mutex_;
  std::list<Download> under_way_ ABSL_GUARDED_BY(mutex_);
};

Downloads& AllDownloads() {
  static auto* const downloads = new Downloads();
  return *downloads;
}

// The calling thread waits until that is done.
void WaitFor(const StreamOrder::Clock& work) {
  if (Callback()) Callback()({"wait", current_stream});
  AllDownloads().End(work);
  Order().Synchronize(work);
}

// --- What LibTorch asks of a device ---

std::atomic<bool>& Failing() {
  static auto* const failing = new std::atomic<bool>(false);
  return *failing;
}

struct Hooks : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 2; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &Pinned(); }
};

// What an event has recorded, and when by the device's clock.
struct Recorded {
  StreamOrder::Clock work;
  int64_t milliseconds;
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return c10::Device(kType, std::exchange(current_device, device.index()));
  }
  c10::Device getDevice() const override { return c10::Device(kType, current_device); }
  void setDevice(c10::Device device) const override { current_device = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { setDevice(device); }
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }

  c10::Stream getStream(c10::Device) const override { return Of(current_stream); }
  c10::Stream getDefaultStream(c10::Device) const override { return Of(kDefaultStream); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override {
    TORCH_CHECK(!Failing(), "CUDA error: all CUDA-capable devices are busy or unavailable");
    static std::atomic<StreamOrder::Stream> last{kDefaultStream};
    return Of(++last);
  }
  c10::Stream exchangeStream(c10::Stream stream) const override {
    return Of(std::exchange(current_stream, stream.id()));
  }
  void synchronizeStream(const c10::Stream& stream) const override {
    WaitFor(Order().Record(stream.id()));
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const c10::Stream& stream) const override {
    Order().KeepFor(data.get(), stream.id());
  }

  void record(void** event, const c10::Stream& stream, const c10::DeviceIndex,
              const c10::EventFlag) const override {
    delete static_cast<Recorded*>(*event);
    *event = new Recorded{Order().Record(stream.id()), DeviceClock()};
  }
  void block(void* event, const c10::Stream& stream) const override {
    Order().Wait(stream.id(), static_cast<Recorded*>(event)->work);
  }
  void synchronizeEvent(void* event) const override {
    WaitFor(static_cast<Recorded*>(event)->work);
  }
  void destroyEvent(void* event, const c10::DeviceIndex) const noexcept override {
    // CUDA goes to the event's device for it and back, and so begins to use the one it goes back
    // to.
    if (current_device != kDevice.index()) Order().AddRace("an event dies on another device");
    delete static_cast<Recorded*>(event);
  }
  bool queryEvent(void*) const override { return true; }
  double elapsedTime(void* from, void* to, const c10::DeviceIndex) const override {
    return static_cast<double>(static_cast<Recorded*>(to)->milliseconds -
                               static_cast<Recorded*>(from)->milliseconds);
  }

 private:
  static c10::Stream Of(StreamOrder::Stream id) {
    return c10::Stream(c10::Stream::UNSAFE, kDevice, id);
  }
};

// --- Kernels ---

at::Tensor Empty(at::IntArrayRef size, std::optional<at::ScalarType> type,
                 std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &Own(), kKeys, type.value_or(at::kFloat), format);
}

at::Tensor EmptyStrided(at::IntArrayRef size, at::IntArrayRef stride,
                        std::optional<at::ScalarType> type, std::optional<at::Layout>,
                        std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &Own(), kKeys, type.value_or(at::kFloat));
}

// The same values as a tensor of the CPU.
at::Tensor OnHost(const at::Tensor& tensor) {
  if (tensor.is_cpu()) return tensor;
  return at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(),
                       at::TensorOptions().dtype(tensor.scalar_type()));
}

at::Tensor CopyFrom(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (within_operator) {
    OnHost(to).copy_(OnHost(from));
    return to;
  }
  const at::Tensor& host = to.is_cpu() ? to : from;
  const bool pinned = host.storage().data_ptr().get_deleter() == Pinned().raw_deleter();
  const bool blocking = host.is_cpu() && !(non_blocking && pinned);
  const std::string way = from.is_cpu() ? "upload" : to.is_cpu() ? "download" : "copy";
  Enqueue((blocking ? "blocking " : "") + way, {MemoryOf(from)}, {MemoryOf(to)});
  if (to.is_cpu() && !blocking) {
    AllDownloads().Begin(from, to);
    return to;
  }
  OnHost(to).copy_(OnHost(from));
  if (blocking) Order().Synchronize(Order().Record(current_stream));
  return to;
}

at::Tensor CopyFromAndResize(const at::Tensor& from, const at::Tensor& to) {
  if (from.sizes() != to.sizes()) {
    to.storage().set_data_ptr_noswap(Own().allocate(from.nbytes()));
    to.storage().set_nbytes(from.nbytes());
    to.unsafeGetTensorImpl()->set_sizes_contiguous(from.sizes());
  }
  return CopyFrom(from, to, false);
}

void RecordStream(at::Tensor& tensor, c10::Stream stream) {
  Order().KeepFor(MemoryOf(tensor), stream.id());
}

// Memory of the device that is behind `value`.
std::vector<StreamOrder::Memory> MemoryBehind(const c10::IValue& value) {
  std::vector<StreamOrder::Memory> memory;
  const auto add = [&](const c10::IValue& part) {
    if (!part.isTensor()) return;
    const at::Tensor& tensor = part.toTensor();
    if (tensor.defined() && tensor.is_privateuseone()) memory.push_back(MemoryOf(tensor));
  };
  add(value);
  if (value.isList()) {
    for (const c10::IValue& part : value.toListRef()) add(part);
  }
  return memory;
}

// As a list of optional tensors, which LibTorch's way to the CPU's kernels leaves where they are.
c10::IValue ListOnHost(const c10::IValue& value) {
  c10::List<c10::IValue> list = value.toList().copy();
  for (size_t i = 0; i < list.size(); ++i) {
    const c10::IValue part = list.get(i);
    if (part.isTensor()) list.set(i, OnHost(part.toTensor()));
  }
  return list;
}

// Whether the host has to be told values of the device before it knows what the operator returns,
// or how much. An index by a mask is one of the positions that nonzero finds.
bool NeedsValues(const std::string& name) {
  static const auto* const names = new std::set<std::string>{
      "aten::_local_scalar_dense", "aten::equal",    "aten::masked_select", "aten::nonzero",
      "aten::repeat_interleave",   "aten::_unique2",
  };
  return names->count(name) > 0;
}

void RunOperator(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const auto& arguments = op.schema().arguments();
  std::vector<StreamOrder::Memory> reads;
  std::vector<StreamOrder::Memory> writes;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const auto* const alias = arguments[i].alias_info();
    auto& list = alias != nullptr && alias->isWrite() ? writes : reads;
    c10::IValue& argument = (*stack)[stack->size() - arguments.size() + i];
    for (const StreamOrder::Memory memory : MemoryBehind(argument)) list.push_back(memory);
    if (argument.isList() && !argument.isTensorList()) argument = ListOnHost(argument);
  }
  const std::string name = op.schema().name();
  const bool blocking = NeedsValues(name);
  Enqueue((blocking ? "blocking " : "") + name, reads, writes);
  within_operator = true;
  try {
    at::native::cpu_fallback(op, stack);
  } catch (...) {
    within_operator = false;
    throw;
  }
  within_operator = false;
  if (blocking) Order().Synchronize(Order().Record(current_stream));
  // Fresh memory of this stream: written by the same piece of work.
  for (size_t i = 0; i < op.schema().returns().size(); ++i) {
    Order().Enqueue(current_stream, name, {},
                    MemoryBehind((*stack)[stack->size() - op.schema().returns().size() + i]));
  }
}

// What LibTorch asks a device for that has no convolution of LibTorch's own.
at::Tensor Convolution(const at::Tensor& input, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  const bool biased = bias.has_value() && bias->defined();
  std::vector<StreamOrder::Memory> reads = {MemoryOf(input), MemoryOf(weight)};
  if (biased) reads.push_back(MemoryOf(*bias));
  const at::Tensor result = at::convolution(
      OnHost(input), OnHost(weight), biased ? std::optional(OnHost(*bias)) : std::nullopt, stride,
      padding, dilation, transposed, output_padding, groups);
  const at::Tensor output = at::empty_like(result, at::TensorOptions().device(kDevice));
  Enqueue("aten::convolution", reads, {MemoryOf(output)});
  OnHost(output).copy_(result);
  return output;
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) {
  m.fallback(torch::CppFunction::makeFromBoxedFunction<&RunOperator>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &Empty);
  m.impl("empty_strided", &EmptyStrided);
  m.impl("_copy_from", &CopyFrom);
  m.impl("_copy_from_and_resize", &CopyFromAndResize);
  m.impl("record_stream", &RecordStream);
  m.impl("as_strided", &at::native::as_strided_tensorimpl);
  m.impl("view",
         static_cast<at::Tensor (*)(const at::Tensor&, at::IntArrayRef)>(&at::native::view));
  m.impl("_reshape_alias", &at::native::_reshape_alias);
  m.impl("convolution_overrideable", &Convolution);
}

}  // namespace

StreamOrder& Order() {
  static auto* const order = new StreamOrder();
  return *order;
}

void FailToBegin(bool fails) { Failing() = fails; }

void LimitMemory(size_t bytes) { Own().Limit(bytes); }

void Idle(int64_t milliseconds) { DeviceClock() += milliseconds; }

bool Waits(const Work& work) {
  return work.what == "wait" || absl::StartsWith(work.what, "blocking");
}

void OnWork(std::function<void(const Work&)> callback) { Callback() = std::move(callback); }

void Register() {
  static const bool registered = [] {
    c10::register_privateuse1_backend("simulated");
    c10::SetAllocator(kType, &Own());
    c10::impl::registerDeviceGuard(kType, new Guard());
    at::RegisterPrivateUse1HooksInterface(new Hooks());
    return true;
  }();
  (void)registered;
}

}  // namespace radio::simulated_device
