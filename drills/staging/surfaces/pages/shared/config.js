/** The settings this surface was started with; they do not change while its process lives. */
export async function loadConfig() {
  const response = await fetch("/config.json", { cache: "no-store" });
  if (!response.ok) throw new Error(`the surface gave no settings (${response.status})`);
  return response.json();
}
