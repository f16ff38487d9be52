// A device of torch in host memory: guard, allocators, generators, and counters of what crosses to the host.
#include "device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/csrc/utils/pybind.h>

#include <mutex>
#include <set>

namespace simulated {

Counters counters;
thread_local int current = 0;
thread_local int inside_kernel = 0;

namespace {

struct Memory {
  std::atomic<int64_t> now{0}, peak{0};
} memory[kDevices];

struct Block {  // before each allocation, so that freeing it finds its size
  int64_t bytes;
  int device;
};
constexpr size_t kHeader = 64;

void release(void* pointer) {
  if (pointer == nullptr) return;
  auto* block = reinterpret_cast<Block*>(static_cast<char*>(pointer) - kHeader);
  memory[block->device].now -= block->bytes;
  free(block);
}

struct DeviceAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device device(kType, current);
    if (bytes == 0) return {nullptr, nullptr, &release, device};
    auto* block = static_cast<Block*>(aligned_alloc(kHeader, (bytes + kHeader - 1) / kHeader * kHeader + kHeader));
    TORCH_CHECK(block != nullptr, "simulated device: out of memory");
    *block = {static_cast<int64_t>(bytes), current};
    auto& used = memory[current];
    const int64_t now = used.now += block->bytes;
    int64_t peak = used.peak;
    while (now > peak && !used.peak.compare_exchange_weak(peak, now)) {
    }
    void* pointer = reinterpret_cast<char*>(block) + kHeader;
    return {pointer, pointer, &release, device};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} device_allocator;
REGISTER_ALLOCATOR(kType, &device_allocator);

std::mutex pinned_lock;
std::set<const void*> pinned;  // starts of the allocations; torch asks about the start of a storage

void unpin(void* pointer) {
  std::lock_guard<std::mutex> guard(pinned_lock);
  pinned.erase(pointer);
  free(pointer);
}

struct PinnedAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* pointer = aligned_alloc(64, (bytes + 64) / 64 * 64);
    std::lock_guard<std::mutex> guard(pinned_lock);
    pinned.insert(pointer);
    return {pointer, pointer, &unpin, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &unpin; }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
} pinned_allocator;

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device device) const override {
    const c10::Device before = getDevice();
    setDevice(device);
    return before;
  }
  c10::Device getDevice() const override { return c10::Device(kType, current); }
  void setDevice(c10::Device device) const override {
    TORCH_CHECK(device.index() < kDevices, "simulated device: there is no device ", device);
    uncheckedSetDevice(device);
  }
  void uncheckedSetDevice(c10::Device device) const noexcept override {
    if (device.has_index()) current = device.index();
  }
  c10::Stream getStream(c10::Device device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
  c10::Stream getNewStream(c10::Device device, int) const override { return getStream(device); }
  c10::Stream exchangeStream(c10::Stream stream) const override { return getStream(stream.device()); }
  c10::DeviceIndex deviceCount() const noexcept override { return kDevices; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { ++counters.synchronisations; }
  void synchronizeDevice(const c10::DeviceIndex) const override { ++counters.synchronisations; }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

// Kernels run on the host, and need a generator of the host: this one wraps it, with the device's name.
struct Generator final : c10::GeneratorImpl {
  explicit Generator(c10::DeviceIndex index, at::Generator host = at::detail::createCPUGenerator())
      : c10::GeneratorImpl(c10::Device(kType, index), c10::DispatchKeySet(c10::DispatchKey::PrivateUse1)),
        host(std::move(host)) {}
  void set_current_seed(uint64_t seed) override { host.set_current_seed(seed); }
  void set_offset(uint64_t offset) override { host.set_offset(offset); }
  uint64_t get_offset() const override { return host.get_offset(); }
  uint64_t current_seed() const override { return host.current_seed(); }
  uint64_t seed() override { return host.seed(); }
  void set_state(const c10::TensorImpl& state) override { host.unsafeGetGeneratorImpl()->set_state(state); }
  c10::intrusive_ptr<c10::TensorImpl> get_state() const override { return host.unsafeGetGeneratorImpl()->get_state(); }
  Generator* clone_impl() const override { return new Generator(device().index(), host.clone()); }
  at::Generator host;
};

at::Generator& default_generator(c10::DeviceIndex index) {
  static at::Generator generators[kDevices] = {at::make_generator<Generator>(0), at::make_generator<Generator>(1)};
  return generators[index < 0 ? current : index];
}

struct Hooks final : at::PrivateUse1HooksInterface {
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isAvailable() const override { return true; }
  bool isBuilt() const override { return true; }
  c10::DeviceIndex deviceCount() const override { return kDevices; }
  c10::DeviceIndex getCurrentDevice() const override { return current; }
  void setCurrentDevice(c10::DeviceIndex index) const override { current = index; }
  const at::Generator& getDefaultGenerator(c10::DeviceIndex index) const override { return default_generator(index); }
  at::Generator getNewGenerator(c10::DeviceIndex index) const override {
    return at::make_generator<Generator>(index < 0 ? current : index);
  }
  at::Device getDeviceFromPtr(void*) const override { return at::Device(kType, current); }
  bool isPinnedPtr(const void* pointer) const override {
    std::lock_guard<std::mutex> guard(pinned_lock);
    return pinned.count(pointer) > 0;
  }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator; }
  void resizePrivateUse1Bytes(const c10::Storage& storage, size_t bytes) const override {
    auto* impl = storage.unsafeGetStorageImpl();
    On on(storage.device().index());
    auto fresh = device_allocator.allocate(bytes);
    if (impl->data() != nullptr) memcpy(fresh.get(), impl->data(), std::min(bytes, impl->nbytes()));
    impl->set_data_ptr_noswap(std::move(fresh));
    impl->set_nbytes(bytes);
  }
};

}  // namespace

c10::Allocator* allocator() { return &device_allocator; }

at::Generator host_generator(const std::optional<at::Generator>& given) {
  const at::Generator& chosen = given.has_value() && given->defined() ? *given : default_generator(-1);
  if (chosen.device().type() != kType) return chosen;
  return static_cast<Generator*>(chosen.unsafeGetGeneratorImpl())->host;
}

}  // namespace simulated

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) {
  using namespace simulated;
  module.def("register_hooks", [] { at::RegisterPrivateUse1HooksInterface(new Hooks()); });
  module.def("device_count", [] { return kDevices; });
  module.def("current_device", [] { return current; });
  module.def("set_device", [](int index) { Guard().setDevice(c10::Device(kType, index)); });
  module.def("default_generator", [](int index) { return default_generator(index); });
  module.def("memory_allocated", [](int index) { return memory[index < 0 ? current : index].now.load(); });
  module.def("max_memory_allocated", [](int index) { return memory[index < 0 ? current : index].peak.load(); });
  module.def("reset_peak_memory_stats", [](int index) {
    auto& used = memory[index < 0 ? current : index];
    used.peak = used.now.load();
  });
  module.def("counts", [] { return counters.named(); });
  module.def("reset_counts", [] { counters.reset(); });
}
