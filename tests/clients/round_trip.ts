// What a TypeScript program does with Holdall, typed by nothing but the types that openapi-typescript makes.
import type { components, paths } from "./v1.js";

type Schemas = components["schemas"];
type Json<P extends keyof paths, M extends "get" | "post"> = paths[P] extends {
    [K in M]: { responses: { 200: { content: { "application/json": infer A } } } };
}
    ? A
    : never;
type Body<P extends keyof paths> = paths[P] extends {
    post: { requestBody: { content: { "application/json": infer B } } };
}
    ? B
    : never;
type Query<P extends keyof paths> = paths[P] extends { get: { parameters: { query: infer Q } } } ? Q : never;

async function read<A>(answer: Response): Promise<A> {
    const envelope: unknown = await answer.json();
    if (!answer.ok) {
        const failure = envelope as Schemas["Failure"];
        throw new Error(`${failure.code}: ${failure.message}`);
    }
    return envelope as A;
}

async function post<P extends keyof paths>(base: string, path: P, body: Body<P>): Promise<Json<P, "post">> {
    const headers = { "Content-Type": "application/json" };
    return read(await fetch(base + path, { method: "POST", headers, body: JSON.stringify(body) }));
}

async function get<P extends keyof paths>(base: string, path: P, query: Query<P>): Promise<Json<P, "get">> {
    const text = new URLSearchParams(Object.entries(query as object).map(([name, value]) => [name, String(value)]));
    return read(await fetch(`${base}${path}?${text}`));
}

export async function roundTrip(base: string): Promise<string[]> {
    const name = `typescript-${Date.now()}`;
    const bucketID: number = (await post(base, "/v1/bucket/create", { name })).data.bucket.bucketID;
    const packageID: number = (await post(base, "/v1/package/create", { bucketID, name: "p" })).data.package.packageID;

    const form = new FormData();
    const info: Schemas["UploadInfo"] = { packageID };
    form.append("info", JSON.stringify(info));
    form.append("files", new Blob(["hello"]), encodeURIComponent("a/b.txt"));
    const uploaded: Json<"/v1/object/upload", "post"> = await read(
        await fetch(`${base}/v1/object/upload`, { method: "POST", body: form }),
    );
    const stored = uploaded.data.uploadeds[0];
    if (stored === undefined || stored.path !== "a/b.txt" || stored.size !== "5") {
        throw new Error(`uploaded ${JSON.stringify(stored)}`);
    }

    const movings: Schemas["Moving"][] = [{ objectID: stored.objectID, packageID: packageID, path: "copy" }];
    const moved: number[] = (await post(base, "/v1/object/move", { movings })).data.successes;
    const page = (
        await get(base, "/v1/object/listByPath", { packageID, path: "", isPrefix: true, noRecursive: true, maxKeys: 10 })
    ).data;
    const objects: Schemas["Object"][] = page.objects;
    const content = await (await fetch(`${base}/v1/object/download?objectID=${moved[0]}`)).text();
    if (content !== "hello") {
        throw new Error(`read back ${content}`);
    }
    await post(base, "/v1/bucket/delete", { bucketID });
    return objects.map((object) => object.path);
}

// Node's own types are not part of this check.
declare const process: { argv: string[] };
const base = process.argv[2];
if (base !== undefined) {
    const paths = await roundTrip(base.replace(/\/$/, ""));
    if (paths.join() !== "copy") {
        throw new Error(`listed ${paths.join()}`);
    }
    console.log("the program with the generated TypeScript types did its round trip");
}
