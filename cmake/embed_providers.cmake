# cmake -DOUTPUT=x.cc -DFOLDER=configs/providers -P embed_providers.cmake: the files as C++.
file(GLOB files ${FOLDER}/*.yaml)
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  file(READ ${file} text)
  get_filename_component(name ${file} NAME)
  string(APPEND entries "      {\"configs/providers/${name}\", R\"yaml(${text})yaml\"},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"engine/config/provider_file.h\"

namespace mailhaul::config {

const std::vector<BuiltinProvider>& BuiltinProviders() {
  static const std::vector<BuiltinProvider> kAll = {
${entries}  };
  return kAll;
}

}  // namespace mailhaul::config
")
