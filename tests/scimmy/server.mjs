// SCIMMY (https://scimmyjs.github.io) with resources in memory, as a target for the outbound engine's tests.
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

// What SCIMMY hands in is kept as it is; it does the protocol, this does the remembering.
const memory = () => {
  const held = new Map();
  let next = 0;
  return {
    egress: (resource) => {
      if (resource.id) {
        if (!held.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `${resource.id} not found`);
        return held.get(resource.id);
      }
      const all = [...held.values()];
      return resource.filter ? resource.filter.match(all) : all;
    },
    ingress: (resource, instance) => {
      const id = resource.id ?? String(++next);
      const plain = JSON.parse(JSON.stringify(instance));
      const name = (item) => (item.userName ?? item.displayName ?? "").toLowerCase();
      const taken = [...held.values()].some((other) => other.id !== id && name(other) === name(plain));
      if (taken) throw new SCIMMY.Types.Error(409, "uniqueness", "the name is taken");
      held.set(id, { ...plain, id });
      return held.get(id);
    },
    degress: (resource) => {
      if (!held.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, `${resource.id} not found`);
    },
  };
};

for (const Type of [SCIMMY.Resources.User, SCIMMY.Resources.Group]) {
  const { egress, ingress, degress } = memory();
  SCIMMY.Resources.declare(Type).egress(egress).ingress(ingress).degress(degress);
}

const app = express();
app.use("/scim/v2", new SCIMMYRouters({ type: "bearer", handler: () => "test" }));
app.listen(Number(process.argv[2]), "127.0.0.1");
